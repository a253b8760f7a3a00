//! The smallest Jabber client (the draft's 7.1): a socket, and text that a person could type.
//!
//!     cargo run -p yatter-examples --bin minimalistic -- amy@localhost PASSWORD [SERVER:PORT]
//!
//! Each line that you type is `ADDRESS WORDS`; what the server says is shown as it comes. An empty line, or the end of input, is the goodbye. Nothing is
//! encrypted: for a server on the same machine, to see how little it takes.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::thread;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || io::Error::other("usage: minimalistic USER@HOST PASSWORD [SERVER:PORT]");
    let (address, password) = args.next().zip(args.next()).ok_or_else(usage)?;
    let (user, host) = address.split_once('@').ok_or_else(usage)?;
    let server = args.next().unwrap_or_else(|| format!("{host}:5222"));

    let mut socket = TcpStream::connect(server)?;
    let ear = socket.try_clone()?;
    let listening = thread::spawn(move || listen(ear));

    // A stream is one long document: this opens ours, and the server opens its own.
    let streams = "http://etherx.jabber.org/streams";
    write!(socket, "<stream:stream to='{}' xmlns='jabber:client' xmlns:stream='{streams}'>", escaped(host))?;
    // Who we are. The server puts everything that follows aside until it knows, so there is no need to wait for its answer.
    let (user, password) = (escaped(user), escaped(&password));
    write!(socket, "<iq type='set' id='1'><query xmlns='jabber:iq:auth'>")?;
    write!(socket, "<username>{user}</username><password>{password}</password><resource>t</resource></query></iq>")?;
    // We are there: what was said to us while we were away comes now.
    write!(socket, "<presence/>")?;

    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some((to, words)) = line.split_once(' ') else { break };
        write!(socket, "<message to='{}'><body>{}</body></message>", escaped(to), escaped(words))?;
    }
    write!(socket, "</stream:stream>")?;
    // The server says goodbye too, and closes.
    listening.join().unwrap_or(Ok(()))
}

/// Shows what the server says, until it closes.
fn listen(mut ear: TcpStream) -> io::Result<()> {
    let mut words = [0; 1024];
    loop {
        match ear.read(&mut words)? {
            0 => return Ok(()),
            count => io::stdout().write_all(&words[..count])?,
        }
        io::stdout().flush()?;
    }
}

/// The text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;").replace('"', "&quot;")
}
