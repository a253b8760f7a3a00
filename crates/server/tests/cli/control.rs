//! The control socket against those who do not speak its language.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use crate::stage::Stage;

fn say(stage: &Stage, line: &[u8]) -> String {
    let mut stream = UnixStream::connect(stage.data().join("control")).unwrap();
    // A line that is too long is not read to its end.
    let _ = stream.write_all(line);
    let mut answer = String::new();
    let _ = BufReader::new(stream).read_line(&mut answer);
    answer
}

#[test]
fn nonsense_is_refused_and_harms_nobody() {
    let stage = Stage::new();
    let server = stage.serve();
    for (line, expected) in [
        (&b"{\"v\":1,\"ask\":\"status\"}\n"[..], "{\"v\":1,\"answer\":\"status\",\"version\":"),
        (
            b"{\"v\":2,\"ask\":\"status\"}\n",
            "{\"v\":1,\"answer\":\"refused\",\"sentence\":\"the server speaks version 1 of the control protocol, not 2\"}\n",
        ),
        (b"hello\n", "{\"v\":1,\"answer\":\"refused\",\"sentence\":\"not a line of the control protocol: "),
        (
            b"{\"v\":1,\"ask\":\"dance\"}\n",
            "{\"v\":1,\"answer\":\"refused\",\"sentence\":\"not a command that this server knows: ",
        ),
    ] {
        let answer = say(&stage, line);
        assert!(answer.starts_with(expected), "{answer}");
    }
    let long = vec![b'x'; 2 * 1_048_576];
    let answer = say(&stage, &long);
    assert!(answer.is_empty() || answer.contains("too long"), "{answer}");
    assert_eq!(stage.add("alice@localhost").code, 0);
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn status_tells_how_the_server_is() {
    let stage = Stage::new();
    let ran = stage.run(&["status"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err, format!("yatter: no server runs on the data folder {}\n", stage.data().display()));
    let server = stage.serve();
    let ran = stage.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(status["hosts"], serde_json::json!(["localhost"]));
    assert_eq!(status["doors"][0]["address"], stage.address().to_string());
    assert!(stage.run(&["status"]).out.contains("sessions       0\n"));
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_data_folder_with_a_long_name_has_a_socket_too() {
    let mut stage = Stage::new();
    stage.folder = stage.folder.join("a-long-name-".repeat(9));
    std::fs::create_dir_all(&stage.folder).unwrap();
    stage.configure("");
    let server = stage.serve();
    assert_eq!(stage.add("alice@localhost").code, 0);
    assert_eq!(server.stop("TERM").0, Some(0));
    stage.folder.pop();
}
