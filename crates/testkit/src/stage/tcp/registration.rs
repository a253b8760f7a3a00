//! Accounts by in-band registration (XEP-0077), for a server of which nothing is known but its address.

use super::super::{DoorKind, StageError};
use super::failed;
use super::house::House;
use crate::scene::{Member, Security};
use crate::tree::{Content, StreamReader, Tree, escape};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xmpp::sasl::encode;

const ROSTER: &str = "jabber:iq:roster";
const REGISTER: &str = "jabber:iq:register";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// Makes an account with nothing in it: one that an earlier scene has left is removed first.
pub(super) async fn register_anew(house: &House, member: &Member) -> Result<(), StageError> {
    let before = house.registered.lock().ok().and_then(|registered| registered.get(&member.bare()).cloned());
    if let Some(password) = before {
        remove(house, member, &password).await?;
    }
    let mut stream = Stream::open(house, member).await?;
    let (name, password) = (escape(&member.local), escape(&member.password));
    let query = format!("<query xmlns='{REGISTER}'><username>{name}</username><password>{password}</password></query>");
    let mut answer = stream.ask("set", &query).await?;
    if is_error(&answer) {
        // A run that was broken off may have left it, with a password that is only likely to be this one.
        remove(house, member, &member.password).await?;
        stream = Stream::open(house, member).await?;
        answer = stream.ask("set", &query).await?;
    }
    match is_error(&answer) {
        true => Err(StageError::Failed(format!("{} cannot be registered: {answer}", member.bare()))),
        false => {
            if let Ok(mut registered) = house.registered.lock() {
                registered.insert(member.bare(), member.password.clone());
            }
            Ok(())
        }
    }
}

async fn remove(house: &House, member: &Member, password: &str) -> Result<(), StageError> {
    let mut stream = Stream::open(house, member).await?;
    let login = encode(format!("\0{}\0{password}", member.local).as_bytes());
    let auth = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{login}</auth>");
    stream.say(&auth).await?;
    let verdict = stream.next().await?;
    if !verdict.is(SASL, "success") {
        return Err(StageError::Failed(format!("{} is there, and not with our password", member.bare())));
    }
    stream.header(member).await?;
    stream.ask("set", &format!("<bind xmlns='{BIND}'/>")).await?;
    // Some servers keep the roster of an account that is removed.
    let roster = stream.ask("get", &format!("<query xmlns='{ROSTER}'/>")).await?;
    let items = roster.child(ROSTER, "query").into_iter().flat_map(Tree::elements).filter_map(|item| item.attr("jid"));
    for jid in items.map(escape) {
        let removal = format!("<query xmlns='{ROSTER}'><item jid='{jid}' subscription='remove'/></query>");
        stream.ask("set", &removal).await?;
    }
    let answer = stream.ask("set", &format!("<query xmlns='{REGISTER}'><remove/></query>")).await?;
    match is_error(&answer) {
        true => Err(StageError::Failed(format!("{} cannot be removed: {answer}", member.bare()))),
        false => Ok(()),
    }
}

fn is_error(answer: &Tree) -> bool {
    answer.attr("type") != Some("result")
}

/// A stream on which nothing is played.
struct Stream {
    wire: TcpStream,
    reader: StreamReader,
    came: std::collections::VecDeque<Content>,
    house: House,
}

impl Stream {
    async fn open(house: &House, member: &Member) -> Result<Stream, StageError> {
        let address = house.door(DoorKind { security: Security::Plain, legacy: false }, false, false)?;
        let wire = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        let mut stream =
            Stream { wire, reader: StreamReader::default(), came: Default::default(), house: house.clone() };
        stream.header(member).await?;
        Ok(stream)
    }

    async fn header(&mut self, member: &Member) -> Result<(), StageError> {
        let host = escape(&member.host);
        self.say(&format!(
            "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        ))
        .await?;
        self.next().await.map(drop)
    }

    async fn say(&mut self, text: &str) -> Result<(), StageError> {
        self.wire.write_all(text.as_bytes()).await.map_err(|error| failed(&error))
    }

    /// Asks, and skips what is not the answer.
    async fn ask(&mut self, kind: &str, payload: &str) -> Result<Tree, StageError> {
        self.say(&format!("<iq type='{kind}' id='house'>{payload}</iq>")).await?;
        loop {
            let answer = self.next().await?;
            if answer.attr("id") == Some("house") {
                return Ok(answer);
            }
        }
    }

    /// The next element.
    async fn next(&mut self) -> Result<Tree, StageError> {
        let mut buffer = [0; 4096];
        loop {
            while let Some(content) = self.came.pop_front() {
                match content {
                    Content::Element(tree) => return Ok(tree),
                    Content::Header(_) => {}
                    _ => return Err(StageError::Failed("the server closed the stream".to_owned())),
                }
            }
            let read = timeout(self.house.patience(), self.wire.read(&mut buffer)).await;
            let count = read.map_err(|_| failed(&"no answer to registration"))?.map_err(|error| failed(&error))?;
            if count == 0 {
                return Err(StageError::Failed("the server closed the connection".to_owned()));
            }
            self.came.extend(self.reader.feed(&buffer[..count]).into_iter().map(|item| item.content));
        }
    }
}
