//! `yatter status`: how the running server is doing.

use std::process::ExitCode;

use super::{Place, Setup, say};
use crate::control::Client;
use crate::failure::Failure;
use crate::operations::{Answer, Ask, Status};

pub(super) fn run(place: &Place) -> Result<ExitCode, Failure> {
    let setup = Setup::find(place, false)?;
    let data = &setup.config.data;
    let Some(mut client) = Client::connect(data)? else {
        return Err(Failure::new(format!("no server runs on the data folder {}", data.display())));
    };
    match client.ask(Ask::Status)? {
        Answer::Status(status) if place.json => say(serde_json::json!(status)),
        Answer::Status(status) => say(lines(&status)),
        Answer::Refused { sentence } => return Err(Failure::new(sentence)),
        _ => return Err(Failure::new("the server answers something else than it was asked")),
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(status: &Status) -> String {
    let mut lines = vec![
        format!("version        {}", status.version),
        format!("process        {}", status.process),
        format!("running for    {}", duration(status.uptime_s)),
        format!("hosts          {}", status.hosts.join(", ")),
        format!("data folder    {}", status.data),
    ];
    for door in &status.doors {
        lines.push(format!("door           {} ({}, {})", door.address, door.serves, door.tls));
    }
    lines.extend([
        format!("connections    {}", status.connections),
        format!("sessions       {}", status.sessions),
        format!("accounts awake {}", status.accounts_awake),
        format!("writes waiting {}", status.writes_waiting),
    ]);
    lines.join("\n")
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (seconds, expected) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }
}
