//! A file from one client to another through the relay of the real binary: neither is told where the other is.

use std::io::{Read, Write};
use std::net::TcpStream;

use sha1::{Digest, Sha1};

use crate::client::Client;
use crate::stage::{Stage, free_port};

/// Asks the relay for a destination.
fn ask(port: u16, hash: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(&[5, 1, 0]).unwrap();
    socket.write_all(&[&[5, 1, 0, 3, 40], hash.as_bytes(), &[0, 0]].concat()).unwrap();
    let mut reply = [0; 49];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..7], [5, 0, 5, 0, 0, 3, 40]);
    socket
}

#[test]
fn two_clients_are_joined() {
    let (stage, port) = (Stage::new(), free_port());
    stage.configure(&format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\nserves = \"bytestreams\"\n"));
    let server = stage.serve();
    let mut people = ["alice", "bob"].map(|name| {
        assert_eq!(stage.add(&format!("{name}@localhost")).code, 0);
        let mut client = Client::connect(stage.port);
        client.log_in(name, "secret", "desk");
        client
    });
    let alice = &mut people[0];
    alice.say("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
    alice.hear("<item jid='proxy.localhost' name='File Transfer Relay'/>");
    alice
        .say("<iq type='get' id='s' to='proxy.localhost'><query xmlns='http://jabber.org/protocol/bytestreams'/></iq>");
    alice.hear(&format!("<streamhost host='localhost' jid='proxy.localhost' port='{port}'/>"));
    let hash = Sha1::digest("s1alice@localhost/deskbob@localhost/desk");
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut target = ask(port, &hash);
    let activate = "<iq type='set' id='a' to='proxy.localhost'><query xmlns='http://jabber.org/protocol/bytestreams' \
                    sid='s1'><activate>bob@localhost/desk</activate></query></iq>";
    alice.say(activate);
    alice.hear("<not-allowed");
    let mut requester = ask(port, &hash);
    people[1].say(&activate.replace("bob@", "alice@"));
    people[1].hear("<item-not-found");
    people[0].say(activate);
    people[0].hear("type='result'");
    requester.write_all(b"What light?").unwrap();
    drop(requester);
    let mut heard = String::new();
    target.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "What light?");
    assert_eq!(server.stop("TERM").0, Some(0));
}
