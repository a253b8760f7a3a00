//! One client: its connection, what came on it, and which part of that the scene has not told yet.

use super::pipe::Pipe;
use super::report::Failure;
use crate::scene::Member;
use crate::stage::{Stage, Wire};
use crate::tree::{CLIENT, Content, StreamReader, Tree};
use tokio::time::{Instant, timeout_at};

/// One client of the cast.
pub(super) struct Client {
    /// Who it is.
    pub(super) member: Member,
    /// Its full address, once the small client has logged in.
    pub(super) jid: Option<String>,
    /// What it needs to know of the server's last header.
    pub(super) stream_id: Option<String>,
    /// The SASL mechanisms that the server offered last.
    pub(super) mechanisms: Vec<String>,
    pipe: Option<Pipe>,
    stopped_reading: bool,
    /// It has spoken of its stream itself: a ping of ours would be counted, or let go what is held back for it.
    speaks_of_stream: bool,
    came: Came,
}

/// What came on one connection.
#[derive(Default)]
struct Came {
    reader: StreamReader,
    /// The bytes that the scene has not told.
    untold: Vec<u8>,
    /// What is complete of them, in order; offsets count in `untold`.
    waiting: Vec<Waiting>,
    /// How many bytes the reader has seen that are not in `untold` any more.
    gone: usize,
    header_seen: bool,
    close_seen: bool,
    end_told: bool,
}

#[derive(Debug, Clone)]
struct Waiting {
    content: Content,
    end: usize,
    noted: bool,
}

impl Client {
    /// A client without a connection.
    pub(super) fn new(member: &Member) -> Self {
        Client {
            member: member.clone(),
            jid: None,
            stream_id: None,
            mechanisms: Vec::new(),
            pipe: None,
            stopped_reading: false,
            speaks_of_stream: false,
            came: Came::default(),
        }
    }

    /// Begins anew on this connection; what the scene has not told of an older one is forgotten.
    pub(super) fn connected(&mut self, wire: Box<dyn Wire>) {
        *self = Client { pipe: Some(Pipe::new(wire)), ..Client::new(&self.member) };
    }

    /// The bare connection, to put TLS on it; [`Client::encrypted`] gives it back.
    pub(super) fn take_wire(&mut self) -> Option<Box<dyn Wire>> {
        self.pipe.take().map(Pipe::into_wire)
    }

    /// Goes on with this connection where the other one was.
    pub(super) fn encrypted(&mut self, wire: Box<dyn Wire>) {
        self.pipe = Some(Pipe::new(wire));
    }

    /// Loses the connection, as on a dead network.
    pub(super) fn lose(&mut self) {
        *self = Client::new(&self.member);
    }

    /// Takes nothing from the connection, or takes again what comes.
    pub(super) fn stop_reading(&mut self, stopped: bool) {
        self.stopped_reading = stopped;
    }

    /// Whether there is a connection that the server has not closed.
    pub(super) fn is_connected(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| !pipe.has_ended())
    }

    /// Whether the server has closed the connection.
    pub(super) fn has_ended(&self) -> bool {
        self.pipe.as_ref().is_some_and(Pipe::has_ended)
    }

    /// Whether it has a session, and hears what becomes of that.
    pub(super) fn has_session(&self) -> bool {
        self.is_connected() && self.jid.is_some() && !self.stopped_reading
    }

    /// Whether it can be asked for a sign of life.
    pub(super) fn can_be_asked(&self) -> bool {
        self.is_connected() && self.jid.is_some() && !self.stopped_reading && !self.speaks_of_stream
    }

    /// Hands bytes to the connection as far as it takes them now; the rest goes with later moves.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.speaks_of_stream |= ["urn:xmpp:sm:3", "urn:xmpp:csi:0"].iter().any(|ns| text.contains(ns));
        if let Some(pipe) = &mut self.pipe {
            pipe.queue(bytes);
        }
        self.pump().await;
    }

    /// Moves bytes both ways without waiting. True: something moved.
    pub(super) async fn pump(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        let mut bytes = Vec::new();
        let moved = pipe.pump(!self.stopped_reading, &mut bytes).await;
        self.came.add(&bytes);
        moved
    }

    /// Waits until something comes, or the connection ends, before `end`.
    pub(super) async fn comes_before(&mut self, end: Instant) -> bool {
        let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.has_ended()) else { return false };
        let mut bytes = Vec::new();
        let came = timeout_at(end, pipe.comes(&mut bytes)).await.is_ok();
        self.came.add(&bytes);
        came
    }

    /// What has come complete and was not told, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Content> {
        self.came.waiting.iter().map(|waiting| &waiting.content)
    }

    /// The bytes that came and were not told.
    pub(super) fn untold(&self) -> &[u8] {
        &self.came.untold
    }

    /// What came since this was asked last.
    pub(super) fn news(&mut self) -> Vec<Content> {
        let new = self.came.waiting.iter_mut().filter(|waiting| !waiting.noted);
        new.map(|waiting| {
            waiting.noted = true;
            waiting.content.clone()
        })
        .collect()
    }

    /// The scene has told the next `count` bytes.
    pub(super) fn tell_bytes(&mut self, count: usize) {
        self.came.cut(0, count);
        self.came.waiting.retain(|waiting| waiting.end > 0);
    }

    /// The scene has told the `index`th thing that waited.
    pub(super) fn tell(&mut self, index: usize) -> Content {
        self.came.remove(index)
    }

    /// What came so far does not matter, the end of the connection included.
    pub(super) fn tell_all(&mut self) {
        self.came.end_told = self.has_ended();
        self.tell_bytes(self.came.untold.len());
    }

    /// The scene says that the server has closed the stream and the connection: why not, if it has not.
    pub(super) fn tell_end(&mut self) -> Result<(), String> {
        let name = &self.member.name;
        if self.came.waiting.first().is_some_and(|waiting| waiting.content == Content::Close) {
            self.came.remove(0);
        } else if let Some(waiting) = self.came.waiting.first() {
            return Err(format!("{name} received {} first", one_line(&waiting.content)));
        }
        if !self.has_ended() {
            return Err(format!("{name} is still connected"));
        }
        self.came.end_told = true;
        match self.came.header_seen && !self.came.close_seen {
            true => Err(format!("{name} was disconnected without </stream:stream>")),
            false => Ok(()),
        }
    }

    /// What came that the scene has not told.
    pub(super) fn leftover(&self) -> Option<String> {
        let name = &self.member.name;
        if let Some(waiting) = self.came.waiting.first() {
            return Some(format!("{name} received {}", one_line(&waiting.content)));
        }
        if !self.untold().iter().all(u8::is_ascii_whitespace) {
            return Some(format!("{name} received {:?}", String::from_utf8_lossy(self.untold())));
        }
        (self.has_ended() && !self.came.end_told).then(|| format!("{name} was disconnected"))
    }

    /// Takes out the first thing that fits, once it is quiet.
    pub(super) async fn next<S: Stage, T>(
        &mut self,
        stage: &S,
        awaited: &str,
        fits: impl Fn(&Content) -> Option<T>,
    ) -> Result<T, Failure> {
        let end = Instant::now() + stage.patience();
        loop {
            let found = self.waiting().enumerate().find_map(|(index, content)| Some((index, fits(content)?)));
            if let Some((index, found)) = found {
                self.came.remove(index);
                return Ok(found);
            }
            if self.comes_before(end).await {
                continue;
            }
            stage.quiet().await?;
            if !self.pump().await {
                let got = self.waiting().flat_map(lines).collect();
                return Err(Failure::of(format!("{} waited for {awaited} in vain", self.member.name)).got(got));
            }
        }
    }

    /// Sends an iq and takes out its answer, result or error.
    pub(super) async fn ask<S: Stage>(&mut self, stage: &S, id: &str, iq: &str) -> Result<Tree, Failure> {
        self.send(iq.as_bytes()).await;
        self.next(stage, &format!("the answer to {iq}"), |content| answer(content, id).cloned()).await
    }

    /// Takes out the answer to an iq if it is there.
    pub(super) fn cut_answer(&mut self, id: &str) -> bool {
        let index = self.waiting().position(|content| answer(content, id).is_some());
        index.map(|index| self.came.remove(index)).is_some()
    }
}

impl Came {
    fn add(&mut self, bytes: &[u8]) {
        self.untold.extend_from_slice(bytes);
        for item in self.reader.feed(bytes) {
            self.header_seen |= matches!(item.content, Content::Header(_));
            self.close_seen |= item.content == Content::Close;
            self.waiting.push(Waiting { content: item.content, end: item.end - self.gone, noted: false });
        }
    }

    fn remove(&mut self, index: usize) -> Content {
        let start = if index == 0 { 0 } else { self.waiting[index - 1].end };
        let taken = self.waiting.remove(index);
        self.cut(start, taken.end);
        taken.content
    }

    fn cut(&mut self, start: usize, end: usize) {
        self.untold.drain(start..end);
        self.gone += end - start;
        for later in self.waiting.iter_mut().filter(|waiting| waiting.end > start) {
            later.end = later.end.saturating_sub(end - start);
        }
    }
}

fn answer<'a>(content: &'a Content, id: &str) -> Option<&'a Tree> {
    match content {
        Content::Element(tree)
            if tree.is(CLIENT, "iq")
                && tree.attr("id") == Some(id)
                && matches!(tree.attr("type"), Some("result" | "error")) =>
        {
            Some(tree)
        }
        _ => None,
    }
}

/// What came, as a person would write it in a scene.
pub(super) fn lines(content: &Content) -> Vec<String> {
    match content {
        Content::Element(tree) => tree.lines(),
        Content::Header(tree) => vec![tree.to_string().replace("/>", ">")],
        Content::Close => vec!["</stream:stream>".to_owned()],
        Content::Broken(why) => vec![format!("(unreadable XML: {why})")],
    }
}

fn one_line(content: &Content) -> String {
    lines(content).iter().map(|line| line.trim()).collect()
}
