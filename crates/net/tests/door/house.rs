//! What every test needs: a server without sockets, accounts on it, and clients that type.

use std::time::Duration;

use im::{Clock, Hub, HubOptions, NewCredentials};
use net::{ClientListener, Doors, Legacy, Limits, TlsMode};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use xmpp::sasl::{Gs2, Hash, Plain, ScramClient};
use xmpp::{Jid, Timestamp};

pub(crate) const HEADER: &str = "<stream:stream to='example.org' xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams'>";
pub(crate) const X_HEADER: &str = "<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xmlns='jabber:client' \
                            xmlns:stream='http://etherx.jabber.org/streams'>";

pub(crate) struct House {
    pub(crate) doors: Doors,
    pub(crate) clock: Clock,
    folder: Option<std::path::PathBuf>,
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub(crate) fn limits() -> Limits {
    Limits { failure_delay_ms: 0, stream_bytes_per_s: 0, stream_stanzas_per_s: 0, ..Limits::default() }
}

pub(crate) fn listener() -> ClientListener {
    ClientListener { require_tls: false, ..ClientListener::new("127.0.0.1:0".parse().unwrap()) }
}

pub(crate) fn strict() -> ClientListener {
    ClientListener::new("127.0.0.1:0".parse().unwrap())
}

pub(crate) fn direct() -> ClientListener {
    ClientListener { tls: TlsMode::Direct, ..strict() }
}

pub(crate) fn legacy(legacy: Legacy) -> ClientListener {
    ClientListener { legacy, ..listener() }
}

impl House {
    /// Serves example.org and example.net, where amy and bob have accounts with the password `pw`.
    pub(crate) async fn new() -> House {
        House::with(limits()).await
    }

    pub(crate) async fn with(limits: Limits) -> House {
        House::build(limits, None).await
    }

    pub(crate) async fn encrypted() -> House {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("yatter-door-{}-{next}", std::process::id()));
        House::build(limits(), Some(folder)).await
    }

    async fn build(limits: Limits, folder: Option<std::path::PathBuf>) -> House {
        let clock = Clock::fake(Timestamp::from_millis(1_031_699_305_000));
        let host = |name: &str| im::HostOptions { name: Jid::parse(name).unwrap(), plan: Box::new(|_| Ok(())) };
        let options = HubOptions {
            hosts: vec![host("example.org"), host("example.net")],
            store: Store::memory(),
            clock: clock.clone(),
            limits: im::Limits { session_queue_bytes: 256 * 1024, ..im::Limits::default() },
            cluster: im::Cluster::single(),
        };
        let hub = Hub::new(options).await.unwrap();
        let mut credentials = NewCredentials::derive("pw").unwrap();
        hub.create_account("bob", "example.org", &credentials).await.unwrap();
        credentials.digest = Some("pw".into());
        hub.create_account("amy", "example.org", &credentials).await.unwrap();
        let certificates = folder.as_ref().map(|folder| {
            let source = || net::tls::Source::SelfSigned { folder: folder.clone() };
            let hosts = ["example.org", "example.net"].map(|host| (host.to_owned(), source()));
            net::tls::Certificates::load(hosts.into()).unwrap()
        });
        House { doors: Doors::new(hub, limits, certificates).unwrap(), clock, folder }
    }

    pub(crate) fn connect(&self, listener: ClientListener) -> Client {
        self.connect_through(listener, 1 << 20)
    }

    /// Through a pipe that holds so many bytes.
    pub(crate) fn connect_through(&self, listener: ClientListener, bytes: usize) -> Client {
        let (ours, theirs) = duplex(bytes);
        let task = tokio::spawn(net::c2s::serve(self.doors.clone(), listener, theirs, None));
        Client { pipe: ours, heard: String::new(), task }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.doors.tick();
        tokio::task::yield_now().await;
    }

    /// A J-session.
    pub(crate) async fn old(&self, user: &str, resource: &str) -> Client {
        let mut client = self.connect(listener());
        client.say(HEADER).await;
        client.say(&iq_auth(user, resource, "pw")).await;
        client.hear("<iq type='result' id='1'/>").await;
        client
    }

    /// An X-session.
    pub(crate) async fn new_client(&self, user: &str, resource: &str) -> Client {
        let mut client = self.connect(listener());
        client.begin().await;
        client.plain(user, "pw").await;
        client.hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        client.bind(resource).await;
        client
    }
}

pub(crate) fn iq_auth(user: &str, resource: &str, password: &str) -> String {
    format!(
        "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>{user}</username>\
         <password>{password}</password><resource>{resource}</resource></query></iq>"
    )
}

/// Somebody who types into a pipe.
pub(crate) struct Client {
    pub(crate) pipe: DuplexStream,
    /// What was heard and not yet asked for.
    pub(crate) heard: String,
    pub(crate) task: JoinHandle<()>,
}

impl Client {
    pub(crate) async fn say(&mut self, text: &str) {
        self.pipe.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for this text and forgets what came up to its end; gives what came before it.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                if let Some((before, after)) = self.heard.split_once(text) {
                    let before = before.to_owned();
                    self.heard = after.to_owned();
                    return before;
                }
                if !self.listen().await {
                    panic!("{caller}: never heard {text}, but {}", self.heard);
                }
            }
        }
    }

    /// Everything until the server hangs up.
    pub(crate) async fn hear_out(&mut self) -> String {
        while self.listen().await {}
        std::mem::take(&mut self.heard)
    }

    /// Reads once; false at the end.
    async fn listen(&mut self) -> bool {
        let mut buffer = vec![0; 65536];
        let read = tokio::time::timeout(Duration::from_secs(10), self.pipe.read(&mut buffer)).await;
        let count = read.unwrap_or_else(|_| panic!("silence after {}", self.heard)).unwrap();
        self.heard.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        count > 0
    }

    /// The opening tags and features of an X-stream; gives the stream's features.
    pub(crate) async fn begin(&mut self) -> String {
        self.say(X_HEADER).await;
        self.hear(" version='1.0' xml:lang='en'>").await;
        self.hear("</stream:features>").await
    }

    pub(crate) async fn plain(&mut self, user: &str, password: &str) {
        let message = Plain { authzid: None, username: user, password }.message();
        self.auth("PLAIN", &message).await;
    }

    pub(crate) async fn auth(&mut self, mechanism: &str, message: &[u8]) {
        let text = xmpp::sasl::encode(message);
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</auth>");
        self.say(&auth).await;
    }

    /// SCRAM to its end; true when the server let us in and proved itself.
    pub(crate) async fn scram(&mut self, hash: Hash, user: &str, password: &str) -> bool {
        let name = xmpp::sasl::Mechanism::Scram(hash).name();
        scram(self, name, &mut ScramClient::new(hash, user, password, &Gs2::Unsupported)).await
    }

    pub(crate) async fn bind(&mut self, resource: &str) {
        self.begin().await;
        let bind = format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        );
        self.say(&bind).await;
        self.hear(&format!("/{resource}</jid></bind></iq>")).await;
    }
}

/// Something that types and listens.
pub(crate) trait Typist {
    async fn type_in(&mut self, text: &str);
    async fn await_text(&mut self, text: &str) -> String;
}

impl Typist for Client {
    async fn type_in(&mut self, text: &str) {
        self.say(text).await;
    }

    async fn await_text(&mut self, text: &str) -> String {
        self.hear(text).await
    }
}

pub(crate) async fn scram(client: &mut impl Typist, mechanism: &str, scram: &mut ScramClient) -> bool {
    let ns = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    let first = xmpp::sasl::encode(&scram.first());
    client.type_in(&format!("<auth {ns} mechanism='{mechanism}'>{first}</auth>")).await;
    client.await_text("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>").await;
    let challenge = client.await_text("</challenge>").await;
    let answer = scram.answer(&xmpp::sasl::decode(&challenge).unwrap()).unwrap();
    client.type_in(&format!("<response {ns}>{}</response>", xmpp::sasl::encode(&answer))).await;
    client.await_text("<").await;
    let verdict = client.await_text(" xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>").await;
    if verdict != "success" {
        client.await_text("</failure>").await;
        return false;
    }
    let verdict = client.await_text("</success>").await;
    scram.finish(&xmpp::sasl::decode(&verdict).unwrap()).unwrap();
    true
}
