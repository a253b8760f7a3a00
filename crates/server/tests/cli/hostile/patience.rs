//! Who never finishes what was begun, and who takes nothing of what is sent: both are cut off in time.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::{Client, PROCEED, STARTTLS};
use crate::hostile::House;
use crate::hostile::ways::{BLIND_ALLEYS, Dialect, Door, PASSWORD, WAYS, Way};

/// The limits that the server was started with.
const LOGIN: Duration = Duration::from_secs(5);
const STUCK: Duration = Duration::from_secs(2);
/// The goodbye, and a busy machine.
const MORE: Duration = Duration::from_secs(2);

/// Connections on which nothing is finished.
pub(crate) struct HalfOpen {
    began: Instant,
    waiting: Vec<(String, Client, Last)>,
    drips: JoinHandle<Vec<(String, Client, Last)>>,
}

/// What is heard at the end.
#[derive(Clone, Copy, Debug)]
enum Last {
    Nothing,
    Timeout(Dialect),
}

impl HalfOpen {
    /// Begins all of them.
    pub(crate) fn begin(house: &House) -> HalfOpen {
        let mut waiting = without_tls(house);
        for way in WAYS.into_iter().chain(BLIND_ALLEYS) {
            waiting.extend(within(house, way));
        }
        let drips = drips(house);
        let drips = thread::spawn(move || drip(drips));
        HalfOpen { began: Instant::now(), waiting, drips }
    }

    /// Waits until their time is over; who is still there, or heard something else than the reason.
    pub(crate) fn complaints(self) -> Vec<String> {
        thread::sleep((LOGIN + MORE).saturating_sub(self.began.elapsed()));
        let drips = self.drips.join().unwrap();
        let all = self.waiting.into_iter().chain(drips);
        all.filter_map(|(name, mut client, last)| {
            client.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let (heard, hung_up) = client.hear_out();
            let as_it_should = hung_up && last.is(&heard);
            (!as_it_should).then(|| format!("{name}: {last:?} was due, not {heard} (hung up: {hung_up})"))
        })
        .collect()
    }
}

impl Last {
    fn is(self, heard: &str) -> bool {
        match self {
            Last::Nothing => heard.is_empty(),
            Last::Timeout(Dialect::J) => {
                heard.ends_with("<stream:error>Timeout waiting for authentication</stream:error></stream:stream>")
            }
            Last::Timeout(Dialect::X) => {
                heard.ends_with("</stream:error></stream:stream>")
                    && heard.contains("<connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
            }
        }
    }
}

/// Silence and half a handshake where TLS has not begun.
fn without_tls(house: &House) -> Vec<(String, Client, Last)> {
    const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let connect = |door| Client::connect(house.port(door));
    let mut list: Vec<_> = [Door::Clear, Door::Strict, Door::Old]
        .map(|door| (format!("silence at {door:?}"), connect(door), Last::Timeout(Dialect::J)))
        .into();
    list.push(("silence where TLS is expected".into(), connect(Door::Direct), Last::Nothing));
    let mut half = connect(Door::Direct);
    half.type_in(HALF_HELLO).unwrap();
    list.push(("half a hello".into(), half, Last::Nothing));
    for (name, bytes) in [("silence behind STARTTLS", &b""[..]), ("half a hello behind STARTTLS", HALF_HELLO)] {
        let mut client = connect(Door::Strict);
        client.begin();
        client.say(STARTTLS);
        client.hear(PROCEED);
        client.type_in(bytes).unwrap();
        list.push((name.into(), client, Last::Nothing));
    }
    list
}

/// What can stay unfinished on a stream.
fn within(house: &House, way: Way) -> Vec<(String, Client, Last)> {
    let mut list = Vec::new();
    let mut add =
        |name: &str, client, dialect| list.push((format!("{name} ({way:?})"), client, Last::Timeout(dialect)));
    let mut half = way.reach(house);
    half.say("<?xml version='1.0'?><stream:stream to='local");
    add("half a header", half, way.at_first());
    add("an open stream", way.open(house), way.dialect);
    if way.dialect == Dialect::X && !BLIND_ALLEYS.contains(&way) {
        let mut client = way.open(house);
        client.say(&crate::client::auth("PLAIN", ""));
        client.hear("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        add("half a login", client, Dialect::X);
        let mut client = way.open(house);
        client.authenticate("mallory", PASSWORD);
        add("no stream behind the login", client, Dialect::X);
        let mut client = way.open(house);
        client.authenticate("mallory", PASSWORD);
        client.begin();
        add("no address", client, Dialect::X);
    }
    list
}

/// Those who say a little now and then.
fn drips(house: &House) -> Vec<(String, Client, Last)> {
    let spaces = |way: Way| (format!("a drip of spaces ({way:?})"), way.open(house), Last::Timeout(way.dialect));
    let mut header = Client::connect(house.port(Door::Clear));
    header.say("<stream:stream to='");
    vec![spaces(WAYS[0]), spaces(WAYS[1]), ("a drip of header".into(), header, Last::Timeout(Dialect::J))]
}

fn drip(mut list: Vec<(String, Client, Last)>) -> Vec<(String, Client, Last)> {
    let mut left = list.len();
    let until = Instant::now() + LOGIN + MORE;
    while left > 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(100));
        left = list.iter_mut().filter_map(|(_, client, _)| client.type_in(b" ").ok()).count();
    }
    list
}

/// Sessions that read nothing.
pub(crate) struct Sloths {
    stuck_at: Instant,
    clients: Vec<(String, Client)>,
}

/// What one of them is sent: more than its socket and its queue can take.
const SENT: usize = 100;

impl Sloths {
    /// On each way one for whom others have much to say, and one who asks and never listens to the answer.
    pub(crate) fn begin(house: &House) -> Sloths {
        let mut clients = Vec::new();
        for (n, way) in WAYS.into_iter().enumerate() {
            let mut fed = way.log_in(house, &format!("sloth{n}"), "fed");
            fed.say("<presence><priority>-1</priority></presence>");
            clients.push((format!("fed {way:?}"), fed));
            let mut asks = way.log_in(house, &format!("sloth{n}"), "asks");
            ask_until_nothing_is_taken(&mut asks);
            clients.push((format!("asks {way:?}"), asks));
        }
        feed(house);
        Sloths { stuck_at: Instant::now(), clients }
    }

    /// Waits until their time is over; who can still go on. Then each of them logs in again, as if nothing had been.
    pub(crate) fn complaints(self, house: &House) -> Vec<String> {
        thread::sleep((STUCK + MORE).saturating_sub(self.stuck_at.elapsed()));
        let complaint = |(name, mut client): (String, Client)| {
            client.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            (!client.hear_out().1).then(|| format!("{name}: was not cut off"))
        };
        let complaints = self.clients.into_iter().filter_map(complaint).collect();
        for (n, way) in WAYS.into_iter().enumerate() {
            let mut awake = way.log_in(house, &format!("sloth{n}"), "fed");
            awake.say(&format!("<message to='sloth{n}@localhost/fed'><body>awake</body></message>"));
            awake.hear("<body>awake</body></message>");
        }
        complaints
    }
}

/// Says much to all of them, of the kind that is worth nothing later: it is told at most that nobody is there any more.
fn feed(house: &House) {
    let body = "sleep ".repeat(10_000);
    let mut feeder = WAYS[0].log_in(house, "mallory", "feeder");
    let hearing = feeder.second_pair_of_ears();
    for n in 0..WAYS.len() {
        let message = format!("<message to='sloth{n}@localhost/fed' type='headline'><body>{body}</body></message>");
        for _ in 0..SENT {
            feeder.say(&message);
        }
    }
    feeder.say("</stream:stream>");
    let heard = String::from_utf8(hearing.join().unwrap()).unwrap();
    let errors = heard.matches("type='error'").count();
    assert_eq!(heard.matches("<service-unavailable ").count(), errors);
    assert!(!heard.contains("<stream:error>") && heard.ends_with("</stream:stream>"));
}

/// Asks until the server, which cannot send its answers, reads no more.
fn ask_until_nothing_is_taken(client: &mut Client) {
    let ask = "<iq type='get' id='a' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    client.socket.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let asks = ask.repeat(100);
    while client.type_in(asks.as_bytes()).is_ok() {}
}

/// Many who hold as much as they may, all at once.
pub(crate) struct Crowd {
    clients: Vec<Client>,
}

impl Crowd {
    /// Each has sent this, which is not yet a stanza.
    pub(crate) fn begin(house: &House, size: usize, words: &str) -> Crowd {
        let ways = WAYS.into_iter().cycle().take(size).enumerate();
        let enter = |(n, way): (usize, Way)| {
            let mut client = way.log_in(house, "mallory", &format!("crowd{n}"));
            client.say(words);
            client
        };
        Crowd { clients: ways.map(enter).collect() }
    }

    /// Ends them without a word.
    pub(crate) fn end(self) {
        self.clients.into_iter().for_each(Client::drop_socket);
    }
}
