//! What a client needs beside its own ideas: a stream to the server, elements going out and coming in.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use xml::{Builder, Element, Event, Limits, Reader, Scratch, Strictness};
use xmpp::ns;

/// A stream to a server, not encrypted, as in June 2000.
pub struct Stream {
    socket: TcpStream,
    reader: Reader,
    scratch: Scratch,
    /// What was read and not yet understood.
    input: Vec<u8>,
}

/// Says things on a stream; for the threads that only speak.
pub struct Mouth(TcpStream);

/// Who logs in, and where.
pub struct Login {
    /// The name before the `@`.
    pub user: String,
    /// The host after it.
    pub host: String,
    /// The account's password.
    pub password: String,
    /// Address and port of the server.
    pub server: String,
}

impl Login {
    /// From the command line: `USER@HOST PASSWORD [SERVER:PORT]`.
    pub fn from_args() -> io::Result<Login> {
        let mut args = std::env::args().skip(1);
        let usage = || io::Error::other("usage: USER@HOST PASSWORD [SERVER:PORT]");
        let (address, password) = args.next().zip(args.next()).ok_or_else(usage)?;
        let (user, host) = address.split_once('@').ok_or_else(usage)?;
        let server = args.next().unwrap_or_else(|| format!("{host}:5222"));
        Ok(Login { user: user.to_owned(), host: host.to_owned(), password, server })
    }
}

impl Stream {
    /// Connects, and opens the stream both ways. A header without a version asks for the Jabber of 2000: no features, no negotiation.
    pub fn open(login: &Login) -> io::Result<Stream> {
        let socket = TcpStream::connect(&login.server)?;
        let mut reader = Reader::new(Limits::default());
        reader.set_strictness(Strictness::Lenient);
        let mut stream = Stream { socket, reader, scratch: Scratch::new(), input: Vec::new() };
        let mut host = Vec::new();
        xml::write_escaped_attr(&mut host, &login.host);
        stream.socket.write_all(b"<?xml version='1.0'?><stream:stream to='")?;
        stream.socket.write_all(&host)?;
        stream.socket.write_all(b"' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")?;
        match stream.next_event()? {
            Some(Event::Header(_)) => Ok(stream),
            _ => Err(io::Error::other("the server does not open its stream")),
        }
    }

    /// Asks which ways to log in there are, and takes the password (a digest of it would need no secret on the wire, where the server keeps what it takes
    /// to check one). An error says why not.
    pub fn log_in(&mut self, login: &Login, resource: &str) -> io::Result<()> {
        let ask = iq("get", "auth1").open(ns::AUTH, "query").text_child(ns::AUTH, "username", &login.user).close();
        let fields = self.ask(&ask.finish())?;
        let query = fields.root().child(ns::AUTH, "query");
        if query.is_none_or(|query| query.child(ns::AUTH, "password").is_none()) {
            return Err(io::Error::other("the server takes no password here"));
        }
        let set = iq("set", "auth2").open(ns::AUTH, "query").text_child(ns::AUTH, "username", &login.user);
        let set = set.text_child(ns::AUTH, "password", &login.password).text_child(ns::AUTH, "resource", resource);
        self.ask(&set.close().finish()).map(drop)
    }

    /// Sends a request and waits for its answer; what comes in between is not for a client that has not shown itself, and is passed over.
    pub fn ask(&mut self, request: &Element) -> io::Result<Element> {
        self.send(request)?;
        let id = request.root().attr("id").unwrap_or_default().into_owned();
        while let Some(element) = self.next()? {
            let root = element.root();
            if root.is(ns::CLIENT, "iq") && root.attr("id").as_deref() == Some(&id) {
                return match root.child(ns::CLIENT, "error") {
                    Some(error) => {
                        Err(io::Error::other(format!("{}: {}", error.attr("code").unwrap_or_default(), error.text())))
                    }
                    None => Ok(element),
                };
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends one element.
    pub fn send(&mut self, element: &Element) -> io::Result<()> {
        self.socket.write_all(element.bytes())
    }

    /// The next element; none when the server has said goodbye.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> io::Result<Option<Element>> {
        match self.next_event()? {
            Some(Event::Element(element)) => Ok(Some(element)),
            _ => Ok(None),
        }
    }

    /// A second mouth for this stream.
    pub fn mouth(&self) -> io::Result<Mouth> {
        self.socket.try_clone().map(Mouth)
    }

    /// What the server says next: none at the end of the connection.
    fn next_event(&mut self) -> io::Result<Option<Event>> {
        loop {
            let mut rest = &self.input[..];
            let event = self.reader.next(&mut self.scratch, &mut rest).map_err(io::Error::other)?;
            let used = self.input.len() - rest.len();
            self.input.drain(..used);
            if event.is_some() {
                return Ok(event);
            }
            let mut space = [0; 4096];
            match self.socket.read(&mut space)? {
                0 => return Ok(None),
                count => self.input.extend_from_slice(&space[..count]),
            }
        }
    }
}

impl Mouth {
    /// Sends one element.
    pub fn send(&mut self, element: &Element) -> io::Result<()> {
        self.0.write_all(element.bytes())
    }

    /// Closes our side of the stream; the server closes its own.
    pub fn say_goodbye(&mut self) -> io::Result<()> {
        self.0.write_all(b"</stream:stream>")?;
        self.0.shutdown(Shutdown::Write)
    }
}

/// A request that is begun: get or set, with its mark.
pub fn iq(kind: &str, id: &str) -> Builder {
    Builder::new(ns::CLIENT, "iq").attr("type", kind).attr("id", id)
}

/// The answer to a request: to its sender, with its mark.
pub fn answer(request: &Element, kind: &str) -> Builder {
    let root = request.root();
    let answer = Builder::new(ns::CLIENT, "iq").attr("type", kind);
    answer.attr_opt("to", root.attr("from").as_deref()).attr_opt("id", root.attr("id").as_deref())
}

/// What everybody says to a request that he does not understand: the request again, and a number that tells why.
pub fn not_implemented(request: &Element) -> Element {
    let answer = request.root().children().fold(answer(request, "error"), Builder::node);
    answer.open(ns::CLIENT, "error").attr("code", "501").text("Not Implemented").close().finish()
}
