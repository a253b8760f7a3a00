//! The command line's end of the control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::{ANSWER_BYTES_MAX, Address, AnswerLine, AskLine, NAME, VERSION};
use crate::operations::{Answer, Ask};

/// A connection to the server that runs in a data folder.
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

impl Client {
    /// Connects to the server that runs in this folder; `None` when none does.
    ///
    /// # Errors
    /// When there is one, but not for this user.
    pub fn connect(data: &Path) -> anyhow::Result<Option<Self>> {
        let connected = Address::of(data, NAME).and_then(|address| UnixStream::connect(&address.path));
        match connected {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Some(Client { stream: BufReader::new(stream) }))
            }
            Err(error) if nobody_there(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                bail!("the server in {} runs as another user: run this command as that user or as root", data.display())
            }
            Err(error) => Err(error).with_context(|| format!("the control socket in {}", data.display())),
        }
    }

    /// Asks the server and waits for what comes of it.
    ///
    /// # Errors
    /// When the connection breaks or the server speaks another version.
    pub fn ask(&mut self, ask: Ask) -> anyhow::Result<Answer> {
        let mut line = serde_json::to_vec(&AskLine { v: VERSION, ask })?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).context("the server went away")?;
        let mut answer = Vec::new();
        let mut bounded = (&mut self.stream).take(ANSWER_BYTES_MAX as u64);
        bounded.read_until(b'\n', &mut answer).context("the server does not answer")?;
        if answer.last() != Some(&b'\n') {
            bail!("the server closed the connection without an answer; its log says why");
        }
        let answer: AnswerLine =
            serde_json::from_slice(&answer).context("the server runs another version of Yatter")?;
        Ok(answer.answer)
    }
}

fn nobody_there(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory)
}
