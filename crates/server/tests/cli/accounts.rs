//! `yatter user …`, with and without a running server.

use std::fs;

use crate::client::Client;
use crate::stage::Stage;

#[test]
fn accounts_are_the_same_with_and_without_a_server() {
    let stage = Stage::new();
    let ran = stage.add("alice@localhost");
    assert_eq!((ran.code, ran.out.as_str()), (0, "alice@localhost is added\n"), "{}", ran.err);
    let server = stage.serve();
    assert_eq!(stage.accounts(), "alice@localhost\n");
    assert_eq!(stage.add("bob@localhost").code, 0);
    assert_eq!(stage.accounts(), "alice@localhost\nbob@localhost\n");
    assert_eq!(server.stop("TERM").0, Some(0));
    assert_eq!(stage.accounts(), "alice@localhost\nbob@localhost\n");
}

#[test]
fn what_is_refused_says_why() {
    let stage = Stage::new();
    assert_eq!(stage.add("alice@localhost").code, 0);
    for (jid, expected) in [
        (
            "alice@localhost",
            "yatter: alice@localhost exists already; `yatter user passwd alice@localhost` changes its password\n",
        ),
        (
            "ALICE@LocalHost",
            "yatter: ALICE@LocalHost exists already; `yatter user passwd ALICE@LocalHost` changes its password\n",
        ),
        ("bob", "yatter: `bob` names no host: write bob@localhost\n"),
        ("bob@example.org", "yatter: `example.org` is not a host of this server, which serves localhost\n"),
        ("bob@localhost/home", "yatter: `bob@localhost/home` names a session: an account is bob@localhost\n"),
    ] {
        let ran = stage.add(jid);
        assert_eq!((ran.code, ran.err.as_str()), (1, expected));
    }
    let ran = stage.run_with(&["user", "add", "bob@localhost", "--password-stdin"], "\n");
    assert_eq!((ran.code, ran.err.as_str()), (1, "yatter: the password is empty\n"));
    let ran = stage.run(&["user", "add", "bob@localhost"]);
    assert_eq!(ran.err, "yatter: there is no terminal to ask for the password at: use --password-stdin\n");
}

#[test]
fn a_removed_account_keeps_its_name_reserved() {
    let stage = Stage::new();
    let server = stage.serve();
    assert_eq!(stage.add("alice@localhost").code, 0);
    let ran = stage.run(&["user", "remove", "alice@localhost"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "alice@localhost is removed; its name stays reserved\n"));
    assert_eq!(stage.accounts(), "");
    let ran = stage.add("alice@localhost");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "yatter: alice@localhost belonged to an account that was removed, and stays reserved: who has it now may be \
             taken for the one before; `yatter user free alice@localhost` gives it back\n"
        )
    );
    let ran = stage.run(&["user", "remove", "alice@localhost"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "yatter: alice@localhost: there is no such account\n"));
    let ran = stage.run(&["user", "free", "Alice@localhost"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Alice@localhost may be taken again\n"), "{}", ran.err);
    assert_eq!(stage.add("alice@localhost").code, 0);
    for (jid, expected) in [
        (
            "alice@localhost",
            "yatter: alice@localhost has an owner; `yatter user remove alice@localhost` removes the account\n",
        ),
        ("bob@localhost", "yatter: bob@localhost is not reserved: `yatter user add bob@localhost` makes the account\n"),
    ] {
        let ran = stage.run(&["user", "free", jid]);
        assert_eq!((ran.code, ran.err.as_str()), (1, expected));
    }
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn many_accounts_come_from_a_file() {
    let stage = Stage::new();
    let mut lines: Vec<String> = (0..120).map(|n| format!("user{n:03}@localhost secret {n}")).collect();
    lines.insert(3, "nonsense".to_owned());
    lines.push("USER000@localhost again".to_owned());
    let file = stage.folder.join("accounts.txt");
    fs::write(&file, lines.join("\n")).unwrap();
    let ran = stage.run(&["user", "add", "--from", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "120 added, 2 refused\n"), "{}", ran.err);
    let expected = format!(
        "{0}:4: a line is `JID password`; there is no password\n\
         {0}:122: USER000@localhost is in line 1 already\n",
        file.display()
    );
    assert_eq!(ran.err, expected);
    assert_eq!(stage.accounts().lines().count(), 120);
    let ran = stage.run_with(&["user", "add", "--from", "-"], "user000@localhost secret\n");
    let expected =
        "-:1: user000@localhost exists already; `yatter user passwd user000@localhost` changes its password\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, expected));
}

#[test]
fn many_accounts_come_through_the_running_server() {
    let stage = Stage::new();
    let server = stage.serve();
    let lines: String = (0..60).map(|n| format!("user{n}@localhost secret\n")).collect();
    let ran = stage.run_with(&["user", "add", "--from", "-", "--json"], &lines);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\"added\":60,\"refused\":[]}\n"), "{}", ran.err);
    assert_eq!(stage.accounts().lines().count(), 60);
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn accounts_in_memory_need_a_running_server() {
    let stage = Stage::new();
    stage.configure("[storage]\nurl = \"memory\"");
    let ran = stage.add("alice@localhost");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("start the server first"), "{}", ran.err);
    let server = stage.serve();
    assert_eq!(stage.add("alice@localhost").code, 0);
    assert_eq!(stage.accounts(), "alice@localhost\n");
    assert_eq!(stage.run(&[]).code, 1);
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_folder_that_is_not_there_is_not_made_by_asking() {
    let stage = Stage::new();
    let expected = format!(
        "yatter: there is no data folder {}, so no account either: is another one meant (--data, --config)?\n",
        stage.data().display()
    );
    for arguments in [&["user", "list"][..], &["user", "remove", "a@localhost"], &["user", "export", "a@localhost"]] {
        let ran = stage.run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (1, expected.as_str()));
    }
    assert!(!stage.data().exists());
}

#[test]
fn a_database_of_another_user_is_left_alone() {
    let stage = Stage::new();
    assert_eq!(stage.add("alice@localhost").code, 0);
    let database = stage.data().join("yatter.sqlite");
    if std::os::unix::fs::chown(&database, Some(12_345), None).is_err() {
        // Only root can give files away.
        return;
    }
    let ran = stage.add("bob@localhost");
    let expected =
        format!("yatter: {} belongs to user 12345, and this is user 0: run it as that user\n", database.display());
    assert_eq!((ran.code, ran.err), (1, expected));
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let stage = Stage::new();
    std::thread::scope(|scope| {
        let adding: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn({
                    let stage = &stage;
                    move || stage.add(&format!("user{n}@localhost"))
                })
            })
            .collect();
        for added in adding {
            let ran = added.join().unwrap();
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    });
    assert_eq!(stage.accounts().lines().count(), 6);
}

#[test]
fn an_export_has_everything_but_the_password() {
    let stage = Stage::new();
    assert_eq!(stage.add("Alice@localhost").code, 0);
    let ran = stage.run(&["user", "export", "alice@localhost"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let account: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(account["jid"], "alice@localhost");
    assert_eq!(account["spelling"], "Alice");
    assert_eq!(account["roster"], serde_json::json!([]));
    assert!(!ran.out.contains("SCRAM") && !ran.out.contains("secret"), "{}", ran.out);
}

#[test]
fn a_password_can_be_changed() {
    let stage = Stage::new();
    assert_eq!(stage.add("alice@localhost").code, 0);
    let ran = stage.run_with(&["user", "passwd", "alice@localhost", "--password-stdin"], "another\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "alice@localhost has a new password\n"), "{}", ran.err);
    let ran = stage.run_with(&["user", "passwd", "bob@localhost", "--password-stdin"], "another\n");
    assert_eq!((ran.code, ran.err.as_str()), (1, "yatter: bob@localhost: there is no such account\n"));
}

#[test]
fn an_invitation_makes_an_account_from_a_client() {
    let stage = Stage::new();
    let ran = stage.run(&["user", "invite"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "yatter: localhost lets nobody register by invitation: write registration = \"invitation\" into the table of \
             the host\n"
        )
    );
    stage.configure("[host.localhost]\nregistration = \"invitation\"");
    let ran = stage.run(&["user", "invite", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let invitation: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let token = invitation["token"].as_str().unwrap();
    assert_eq!(invitation["uri"], format!("xmpp:localhost?register;preauth={token}"));
    assert_eq!(invitation["uses"], 1);
    let server = stage.serve();
    let mut client = Client::connect(stage.port);
    client.say("<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
    let register = |name: &str| {
        format!(
            "<iq type='set' id='{name}'><query xmlns='jabber:iq:register'><username>{name}</username>\
             <password>secret</password><misc>{token}</misc></query></iq>"
        )
    };
    client.say(&register("amy"));
    client.hear("<iq type='result' id='amy'");
    client.say(&register("bob"));
    client.hear("<error code='404'>The invitation is unknown, used up or expired</error>");
    assert_eq!(stage.accounts(), "amy@localhost\n");
    let ran = stage.run(&["user", "invite", "localhost", "--uses", "3", "--hours", "1"]);
    assert!(ran.out.starts_with("xmpp:localhost?register;preauth="), "{}", ran.out);
    assert!(ran.out.contains(", good for 3 accounts until "), "{}", ran.out);
    assert_eq!(server.stop("TERM").0, Some(0));
}
