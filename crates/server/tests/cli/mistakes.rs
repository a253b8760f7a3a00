//! Mistakes in the configuration and on the command line.

use std::fs;

use crate::stage::Stage;

#[test]
fn a_mistake_in_the_configuration_ends_with_2_and_its_place() {
    let stage = Stage::new();
    stage.configure("[limits]\nstanza_byte = 5");
    for arguments in [&[][..], &["user", "list"], &["status"]] {
        let ran = stage.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        let file = stage.config();
        assert_eq!(
            ran.err,
            format!("{}:7:1: limits.stanza_byte: no such key; did you mean `stanza_bytes`?\n", file.display())
        );
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let stage = Stage::new();
    stage.configure("legacy = \"often\"\n[component.\"irc.localhost\"]\nsecret = \"x\"");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 2);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.err);
    assert!(lines[0].ends_with(":6:10: listen.legacy: `often` is not among its values (auto, always, never)"));
    assert!(lines[1].ends_with(":7:2: component: a component is not in this version of Yatter; remove the table"));
}

#[test]
fn a_missing_configuration_is_a_mistake_of_it() {
    let stage = Stage::new();
    fs::remove_file(stage.config()).unwrap();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        format!("{}: cannot be read: there is no such file; `yatter init` writes one\n", stage.config().display())
    );
}

#[test]
fn a_missing_certificate_is_named() {
    let stage = Stage::new();
    stage.configure("[host.localhost]\ncertificate = { chain = \"chain.pem\", key = \"key.pem\" }");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(&stage.folder.join("chain.pem").display().to_string()), "{}", ran.err);
}

#[test]
fn init_writes_a_file_once_and_the_file_is_good() {
    let stage = Stage::new();
    let file = stage.folder.join("new.toml");
    let name = file.to_str().unwrap();
    let ran = stage.run(&["init", "--host", "example.org", name]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\nhosts = [\"example.org\"]\n"));
    let ran = stage.run(&["init", name]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        format!("yatter: {name} is there already and was left alone: name another file or remove it first\n")
    );
    assert_eq!(stage.run(&["init"]).out.lines().next(), text.lines().next());
}

#[test]
fn open_registration_by_the_command_line_is_for_trials_only() {
    let stage = Stage::new();
    let ran = stage.run(&["--open-registration"]);
    let file = stage.config();
    let expected = format!(
        "yatter: --open-registration is for a start without configuration: write registration = \"open\" into {}\n",
        file.display()
    );
    assert_eq!((ran.code, ran.err), (1, expected));
}

#[test]
fn help_teaches() {
    let stage = Stage::new();
    for (arguments, taught) in [
        (&["--help"][..], "yatter user add alice@localhost"),
        (&["user", "--help"], "--from accounts.txt"),
        (&["check", "--help"], "Exit codes"),
        (&["init", "--help"], "--host example.org"),
    ] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains(taught), "{}", ran.out);
    }
    assert_eq!(stage.run(&["usr"]).code, 2);
}
