//! `yatter check`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::stage::Stage;

#[test]
fn a_healthy_server_is_ok_before_and_while_it_runs() {
    let stage = Stage::new();
    let ran = stage.run(&["check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("ok    port           {} is free\n", stage.address())), "{}", ran.out);
    assert!(!stage.data().exists(), "a check makes nothing");
    let server = stage.serve();
    let ran = stage.run(&["check"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for line in [
        format!("ok    server         one is running on {}\n", stage.data().display()),
        format!("ok    port           {} is in use by the running server\n", stage.address()),
        "ok    storage        in use by the running server\n".to_owned(),
        "ok    clock          plausible\n".to_owned(),
    ] {
        assert!(ran.out.contains(&line), "{line}{}", ran.out);
    }
    assert_eq!(server.stop("TERM").0, Some(0));
    let ran = stage.run(&["check"]);
    assert!(ran.out.contains("ok    storage        opens"), "{}", ran.out);
}

#[test]
fn what_is_wrong_says_what_to_do() {
    let stage = Stage::new();
    let _taken = TcpListener::bind(stage.address()).unwrap();
    fs::create_dir(stage.data()).unwrap();
    fs::set_permissions(stage.data(), fs::Permissions::from_mode(0o755)).unwrap();
    stage.configure("[host.localhost]\ncertificate = { chain = \"chain.pem\", key = \"key.pem\" }");
    let ran = stage.run(&["check"]);
    assert_eq!(ran.code, 1);
    let data = stage.data();
    for line in [
        format!(
            "fail  port           {} is taken by another program: stop that one, or change listen.address in the configuration\n",
            stage.address()
        ),
        format!("warn  data folder    {0} is open to other users (mode 755): chmod 700 {0}\n", data.display()),
        format!("fail  certificate    localhost: cannot read {}", stage.folder.join("chain.pem").display()),
    ] {
        assert!(ran.out.contains(&line), "{line}{}", ran.out);
    }
}

#[test]
fn mistakes_of_the_configuration_end_with_2() {
    let stage = Stage::new();
    stage.configure("[log]\nlevle = \"info\"");
    let ran = stage.run(&["check", "--json"]);
    assert_eq!(ran.code, 2);
    let finding: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!(finding["verdict"], "fail");
    assert_eq!(
        finding["sentence"],
        format!("{}:7:1: log.levle: no such key; did you mean `level`?", stage.config().display())
    );
}
