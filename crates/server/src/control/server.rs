//! The server's end of the control socket.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{ASK_BYTES_MAX, Address, AnswerLine, AskLine, Client, NAME, VERSION, Versioned};
use crate::events;
use crate::failure::Failure;
use crate::operations::{Answer, Desk};

/// The socket on which a running server takes commands; removed from the folder when it is dropped.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Who may use it beside root: whoever the socket's file belongs to.
    owner: u32,
}

/// Commands that may be connected at the same time.
const CONNECTIONS_MAX: usize = 16;

/// How long a connected command may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(300);

impl ControlSocket {
    /// Opens the socket in the data folder. What an earlier run left behind is replaced.
    ///
    /// # Errors
    /// When another server answers there, or the socket cannot be made.
    pub fn open(data: &Path) -> Result<Self, Failure> {
        if Client::connect(data)?.is_some() {
            return Err(Failure::new(format!(
                "another server runs in {}: stop it first, or choose another folder with --data",
                data.display()
            )));
        }
        bind(data)
            .map_err(|error| Failure::new(format!("the control socket in {} cannot be made: {error}", data.display())))
    }

    /// Answers commands until it is dropped.
    pub async fn serve(self, desk: Arc<Desk>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) if self.may_command(&stream) => {
                    let desk = desk.clone();
                    tokio::spawn(async move {
                        // A command that goes away in the middle has its answer in the log.
                        let _ = converse(stream, &desk).await;
                        drop(place);
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    events::accept_failed(NAME, error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn may_command(&self, stream: &UnixStream) -> bool {
        let Ok(peer) = stream.peer_cred() else { return false };
        let may = peer.uid() == self.owner || peer.uid() == 0;
        if !may {
            events::control_refused(peer.uid());
        }
        may
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A socket that stays is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// The socket appears under its name only when nobody else can use it any more.
fn bind(data: &Path) -> io::Result<ControlSocket> {
    let new = data.join("control.new");
    let path = data.join(NAME);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&Address::of(data, "control.new")?.path)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, &path)?;
    let owner = fs::metadata(&path)?.uid();
    Ok(ControlSocket { listener, path, owner })
}

async fn converse(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut stream).take(ASK_BYTES_MAX as u64 + 1);
        let read = tokio::time::timeout(SILENCE_MAX, bounded.read_until(b'\n', &mut line));
        if read.await.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
            return Ok(());
        }
        let whole = line.last() == Some(&b'\n');
        let answer =
            if whole { answer(&line, desk).await } else { Answer::refused("the line is too long or has no end") };
        let mut out = serde_json::to_vec(&AnswerLine { v: VERSION, answer })?;
        out.push(b'\n');
        stream.get_mut().write_all(&out).await?;
        if !whole {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], desk: &Desk) -> Answer {
    match serde_json::from_slice::<Versioned>(line) {
        Ok(Versioned { v: VERSION }) => {}
        Ok(Versioned { v }) => {
            return Answer::refused(format!("the server speaks version {VERSION} of the control protocol, not {v}"));
        }
        Err(error) => return Answer::refused(format!("not a line of the control protocol: {error}")),
    }
    match serde_json::from_slice::<AskLine>(line) {
        Ok(line) => desk.perform(line.ask).await,
        Err(error) => Answer::refused(format!("not a command that this server knows: {error}")),
    }
}
