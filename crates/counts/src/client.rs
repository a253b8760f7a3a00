//! A client on the other end of a connection that is memory, and the connection's future, which is polled by hand.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use anyhow::{Result, anyhow, bail};
use net::c2s::Serve;
use net::{ClientListener, Doors};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use xmpp::sasl::{self, Gs2, Hash, Plain, ScramClient};

use crate::samples;
use crate::world::{PASSWORD, World};

/// Asks for an address of the server's choice.
const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// How often a login is given another moment before it counts as hanging.
const PATIENCE: usize = 100_000;

/// What is under way between client and server.
#[derive(Default)]
struct Wires {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

/// The server's end: reads what there is, takes all that is written, and wakes nobody.
pub(crate) struct Pipe(Arc<Mutex<Wires>>);

impl Pipe {
    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut wires = self.wires();
        let count = wires.to_server.len().min(into.remaining());
        if count == 0 {
            return Poll::Pending;
        }
        into.put_slice(wires.to_server.get(..count).unwrap_or_default());
        wires.to_server.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wires().to_client.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Somebody who is connected.
pub(crate) struct Client {
    pipe: Pipe,
    serve: Serve<Pipe>,
}

impl Client {
    fn connect(doors: &Doors) -> Client {
        let wires = Arc::<Mutex<Wires>>::default();
        let mut listener = ClientListener::new(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
        listener.require_tls = false;
        let serve = net::c2s::serve(doors.clone(), listener, Pipe(wires.clone()), None);
        Client { pipe: Pipe(wires), serve }
    }

    /// Sends bytes, which the server sees when it is polled.
    pub(crate) fn say(&self, text: &str) {
        self.pipe.wires().to_server.extend_from_slice(text.as_bytes());
    }

    /// Has the server look at this connection once.
    pub(crate) fn poll(&mut self) {
        let _ = Pin::new(&mut self.serve).poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Forgets what was heard; how many bytes that was.
    pub(crate) fn hear(&self) -> usize {
        let mut wires = self.pipe.wires();
        let count = wires.to_client.len();
        wires.to_client.clear();
        count
    }

    /// Says something and polls until the server says this; everything that it said.
    fn ask(&mut self, world: &World, said: &str, wanted: &str) -> Result<String> {
        self.say(said);
        for _ in 0..PATIENCE {
            self.poll();
            let heard = String::from_utf8_lossy(&self.pipe.wires().to_client).into_owned();
            if heard.contains(wanted) {
                self.hear();
                return Ok(heard);
            }
            world.pause();
        }
        bail!("never heard {wanted}")
    }

    /// Logs in with a proof of the password, and says goodbye.
    pub(crate) fn comes_and_goes(world: &World, doors: &Doors, name: &str) -> Result<()> {
        let mut client = Client::connect(doors);
        let mut scram = ScramClient::new(Hash::Sha1, name, PASSWORD, &Gs2::Unsupported);
        let first = sasl::encode(&scram.first());
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{first}</auth>");
        client.ask(world, samples::HEADER, "</stream:features>")?;
        let challenge = client.ask(world, &auth, "</challenge>")?;
        let proof = scram.answer(&sasl::decode(text_of(&challenge)).map_err(|_| anyhow!("no challenge"))?)?;
        let response =
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</response>", sasl::encode(&proof));
        client.ask(world, &response, "<success")?;
        client.ask(world, samples::HEADER, "</stream:features>")?;
        client.ask(world, BIND, "</jid></bind></iq>")?;
        client.ask(world, "</stream:stream>", "</stream:stream>").map(drop)
    }

    /// Logs in as a client of today does, and becomes available.
    pub(crate) fn of_today(world: &World, doors: &Doors, name: &str, resource: &str) -> Result<Client> {
        world.account(name)?;
        let mut client = Client::connect(doors);
        let plain = sasl::encode(&Plain { authzid: None, username: name, password: PASSWORD }.message());
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>");
        let bind = format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        );
        client.ask(world, samples::HEADER, "</stream:features>")?;
        client.ask(world, &auth, "<success")?;
        client.ask(world, samples::HEADER, "</stream:features>")?;
        client.ask(world, &bind, "</jid></bind></iq>")?;
        client.becomes_available(world)
    }

    /// Logs in as a client of 2000 did, and becomes available.
    pub(crate) fn of_2000(world: &World, doors: &Doors, name: &str, resource: &str) -> Result<Client> {
        world.account(name)?;
        let mut client = Client::connect(doors);
        let auth = format!(
            "<iq type='set' id='a1'><query xmlns='jabber:iq:auth'><username>{name}</username>\
             <password>{PASSWORD}</password><resource>{resource}</resource></query></iq>"
        );
        client.ask(world, samples::OLD_HEADER, "<stream:stream")?;
        client.ask(world, &auth, "id='a1'")?;
        client.becomes_available(world)
    }

    fn becomes_available(mut self, world: &World) -> Result<Client> {
        self.ask(world, "<presence/><iq type='get' id='e'><ping xmlns='urn:xmpp:ping'/></iq>", "id='e'")?;
        world.settle();
        self.poll();
        self.hear();
        Ok(self)
    }
}

/// What stands between the tags of an element without children.
fn text_of(element: &str) -> &str {
    element.split_once('>').and_then(|(_, rest)| rest.split_once('<')).map_or("", |(text, _)| text)
}
