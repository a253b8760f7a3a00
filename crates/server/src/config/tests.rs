//! Each mistake with the exact words a person meets.

use super::*;

fn mistakes(text: &str) -> Vec<String> {
    match Config::parse(Path::new("yatter.toml"), text) {
        Ok(_) => Vec::new(),
        Err(ConfigErrors(errors)) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_generated_file_is_the_defaults_commented() {
    let text = commented(&[]);
    let untouched = Config::parse(Path::new("yatter.toml"), &text).unwrap();
    assert_eq!(untouched, Config::default());
    let uncommented: Vec<&str> = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let active = uncommented.iter().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    assert!(active > 20, "only {active} lines are settings");
    let all = Config::parse(Path::new("yatter.toml"), &uncommented.join("\n")).unwrap();
    assert_eq!(all, Config::default());
}

#[test]
fn the_generated_file_names_the_hosts_asked_for() {
    let hosts = [Domain::parse("example.org").unwrap(), Domain::parse("example.net").unwrap()];
    let text = commented(&hosts);
    assert_eq!(Config::parse(Path::new("yatter.toml"), &text).unwrap().hosts, hosts);
    assert!(text.contains("\nhosts = [\"example.org\", \"example.net\"]\n"), "{text}");
    assert!(text.contains("\n#[host.\"example.org\"]\n"), "{text}");
}

#[test]
fn each_line_of_the_generated_file_fits_a_screen() {
    for line in commented(&[]).lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn every_mistake_is_told_by_line_column_and_key() {
    for (text, expected) in [
        ("host = 3", "yatter.toml:1:8: host: expects a table, not 3"),
        ("hots = []", "yatter.toml:1:1: hots: no such key; did you mean `hosts`?"),
        ("colour = 1", "yatter.toml:1:1: colour: no such key"),
        (
            "hosts = \"a\"",
            "yatter.toml:1:9: hosts: expects a list, each entry a domain such as \"example.org\", not text",
        ),
        ("hosts = [\"a@b\"]", "yatter.toml:1:10: hosts: expects a domain such as \"example.org\", not `a@b`"),
        ("hosts = []", "yatter.toml:1:9: hosts: names no host; write at least one domain"),
        ("hosts = [\"a\", \"A\"]", "yatter.toml:1:9: hosts: names `a` twice"),
        ("data = 3", "yatter.toml:1:8: data: expects a path in quotes, not 3"),
        (
            "\n[limits]\nstanza_byte = 1",
            "yatter.toml:3:1: limits.stanza_byte: no such key; did you mean `stanza_bytes`?",
        ),
        (
            "[limits]\nlogin_s = \"1 min\"",
            "yatter.toml:2:11: limits.login_s: expects a whole number of seconds, not text",
        ),
        (
            "[limits]\nlogin_s = 0",
            "yatter.toml:2:11: limits.login_s: expects a number of seconds from 1 to 3600, not 0",
        ),
        (
            "[limits]\nstanza_bytes = -5",
            "yatter.toml:2:16: limits.stanza_bytes: expects a whole number of bytes, not -5",
        ),
        (
            "[limits]\nbacklog_soft_bytes = 100_000_000",
            "yatter.toml:1:1: limits: `backlog_soft_bytes` is above `backlog_hard_bytes`; lower it or raise the other",
        ),
        (
            "[[listen]]\naddress = \"localhost\"",
            "yatter.toml:2:11: listen.address: expects an IP address and a port such as \"[::]:5222\" or \
             \"127.0.0.1:5222\", not `localhost`",
        ),
        (
            "[[listen]]\ntls = \"startls\"",
            "yatter.toml:2:7: listen.tls: `startls` is not among its values (starttls, direct, none); \
             did you mean `starttls`?",
        ),
        (
            "[[listen]]\ntls = \"none\"",
            "yatter.toml:1:1: listen: `tls = \"none\"` can never satisfy `require_tls`; write `require_tls = false` \
             if passwords may cross in the clear",
        ),
        (
            "[[listen]]\nserves = \"http\"\ntls = \"starttls\"",
            "yatter.toml:3:7: listen.tls: HTTP has no STARTTLS; write \"direct\", or \"none\" behind a proxy",
        ),
        (
            "[[listen]]\nserves = \"http\"\nlegacy = \"auto\"",
            "yatter.toml:3:10: listen.legacy: means nothing but at a listener for clients; remove it",
        ),
        (
            "[[listen]]\nserves = \"bytestreams\"\ntls = \"direct\"",
            "yatter.toml:3:7: listen.tls: means nothing at the relay: clients encrypt what they send; remove it",
        ),
        (
            "[bytestreams]\nhost = \"a@b\"",
            "yatter.toml:2:8: bytestreams.host: expects \"auto\", or a name or IP address such as \"relay.example.org\" or \
             \"192.0.2.1\", not `a@b`",
        ),
        (
            "[upload]\nurl = \"ftp://example.org\"",
            "yatter.toml:2:7: upload.url: expects \"auto\" or an address such as \"https://upload.example.org\", not \
             `ftp://example.org`",
        ),
        ("[upload]\nkeep_days = 0", "yatter.toml:2:13: upload.keep_days: expects a number from 1 to 36500, not 0"),
        ("[[listen]]\n[[listen]]", "yatter.toml:2:1: listen: two listeners have the address [::]:5222"),
        ("listen = []", "yatter.toml:1:10: listen: names no door; write at least one [[listen]] table"),
        ("[[listen]]\nrequire_tls = \"no\"", "yatter.toml:2:15: listen.require_tls: expects true or false, not text"),
        (
            "[host.\"exmaple.org\"]",
            "yatter.toml:1:7: host.exmaple.org: `exmaple.org` is not one of `hosts`; add it there or remove the table",
        ),
        (
            "hosts = [\"example.org\"]\n[host.\"exmaple.org\"]",
            "yatter.toml:2:7: host.exmaple.org: `exmaple.org` is not one of `hosts`; did you mean `example.org`?",
        ),
        (
            "[host.localhost]\ncertificate = { chian = \"a\", key = \"b\" }",
            "yatter.toml:2:17: host.localhost.certificate.chian: no such key; did you mean `chain`?",
        ),
        (
            "[host.localhost]\ncertificate = \"selfsigned\"",
            "yatter.toml:2:15: host.localhost.certificate: `selfsigned` is not among its values (self-signed); \
             did you mean `self-signed`?",
        ),
        (
            "[host.localhost]\ncertificate = { chain = \"a\" }",
            "yatter.toml:2:15: host.localhost.certificate: lacks `key`; write \"self-signed\" or \
             { chain = \"…\", key = \"…\" }",
        ),
        (
            "[metrics]\naddress = \"0.0.0.0:9090\"",
            "yatter.toml:2:11: metrics.address: expects \"off\" or a loopback address and port such as \
             \"127.0.0.1:5280\", not `0.0.0.0:9090`",
        ),
        (
            "[log]\nlevel = \"verbose\"",
            "yatter.toml:2:9: log.level: `verbose` is not among its values (error, warn, info, debug, trace)",
        ),
    ] {
        assert_eq!(mistakes(text).first().map(String::as_str), Some(expected), "{text}");
    }
}

#[test]
fn what_later_versions_bring_is_recognised_and_refused() {
    for (text, expected) in [
        (
            "[[listen]]\nserves = \"servers\"",
            "yatter.toml:2:10: listen.serves: federation with other servers is not in this version of Yatter; \
             write \"clients\" or remove the listener",
        ),
        (
            "[[listen]]\nserves = \"components\"",
            "yatter.toml:2:10: listen.serves: a listener for components is not in this version of Yatter; \
             write \"clients\" or remove the listener",
        ),
        (
            "[host.localhost]\ncertificate = \"acme\"",
            "yatter.toml:2:15: host.localhost.certificate: a certificate by ACME is not in this version of Yatter; \
             write \"self-signed\" or { chain = \"…\", key = \"…\" }",
        ),
        (
            "[storage]\nurl = \"postgres://db/yatter\"",
            "yatter.toml:2:7: storage.url: storage in PostgreSQL is not in this version of Yatter; write \"sqlite\"",
        ),
        (
            "[component.\"irc.example.org\"]\nsecret = \"s\"",
            "yatter.toml:1:2: component: a component is not in this version of Yatter; remove the table",
        ),
    ] {
        assert_eq!(mistakes(text), [expected], "{text}");
    }
}

#[test]
fn a_door_for_http_has_defaults_of_its_own() {
    let config = Config::parse(Path::new("yatter.toml"), "[[listen]]\nserves = \"http\"").unwrap();
    assert_eq!(config.listen, [Listen::http()]);
    let config = Config::parse(Path::new("yatter.toml"), "[[listen]]\nserves = \"bytestreams\"").unwrap();
    assert_eq!(config.listen, [Listen::relay()]);
    let text = "[[listen]]\nserves = \"http\"\naddress = \"127.0.0.1:80\"\ntls = \"none\"";
    let config = Config::parse(Path::new("yatter.toml"), text).unwrap();
    assert_eq!((config.listen[0].address.port(), config.listen[0].tls), (80, Tls::None));
    let config = Config::parse(Path::new("yatter.toml"), "[upload]\nurl = \"https://up.example.org/\"").unwrap();
    assert_eq!(config.upload.url, UploadUrl(Some("https://up.example.org".to_owned())));
}

#[test]
fn people_of_a_host() {
    let text = "[host.localhost]\nadmins = [\"Amy@localhost\", \"bob@example.net\"]\nwelcome = \"Hello\\nthere\"\n\
                [host.localhost.contacts]\nabuse = [\"mailto:abuse@localhost\"]\nstatus = []\n";
    let config = Config::parse(Path::new("yatter.toml"), text).unwrap();
    let (_, host) = config.host_tables().next().unwrap();
    let admins: Vec<&str> = host.admins.iter().map(|person| person.jid().as_str()).collect();
    assert_eq!(admins, ["amy@localhost", "bob@example.net"]);
    assert_eq!(host.welcome.as_str(), "Hello\nthere");
    let contacts = vec![("abuse", vec!["mailto:abuse@localhost".to_owned()]), ("status", Vec::new())];
    assert_eq!(host.contacts, Contacts(contacts));
    let person = "expects an address such as \"amy@example.org\"";
    for (text, expected) in [
        ("admins = [\"localhost\"]", format!("2:11: host.localhost.admins: {person}, not `localhost`")),
        ("admins = [\"amy@localhost/desk\"]", format!("2:11: host.localhost.admins: {person}, not `amy@localhost/desk`")),
        ("admins = \"amy@localhost\"", format!("2:10: host.localhost.admins: expects a list, each entry {}, not text", &person[8..])),
        (
            "contacts = { abuse = [\"abuse@localhost\"] }",
            "2:23: host.localhost.contacts.abuse: expects a URI such as \"mailto:abuse@example.org\", not `abuse@localhost`".into(),
        ),
        ("contacts = { sale = [] }", "2:14: host.localhost.contacts.sale: no such key; did you mean `sales`?".into()),
        (
            "contacts = []",
            "2:12: host.localhost.contacts: expects a table such as { abuse = [\"mailto:abuse@example.org\"] }, not a list".into(),
        ),
        ("welcome = \"\\u0007\"", "2:11: host.localhost.welcome: has characters that no message may have".into()),
    ] {
        assert_eq!(mistakes(&format!("[host.localhost]\n{text}")), [format!("yatter.toml:{expected}")], "{text}");
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let text = "[log]\nlevel = 1\n[limits]\nfoo = 1\n[[listen]]\nlegacy = \"allways\"\n";
    assert_eq!(
        mistakes(text),
        [
            "yatter.toml:2:9: log.level: expects one of \"error\", \"warn\", \"info\", \"debug\", \"trace\", not 1",
            "yatter.toml:4:1: limits.foo: no such key",
            "yatter.toml:6:10: listen.legacy: `allways` is not among its values (auto, always, never); did you mean `always`?",
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_by_position() {
    assert_eq!(mistakes("hosts = [\n"), ["yatter.toml:1:10: not TOML: unclosed array, expected `]`"]);
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let error = Config::load(Path::new("/nowhere/yatter.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nowhere/yatter.toml: cannot be read: there is no such file; `yatter init` writes one"
    );
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let text = "data = \"state\"\n[host.localhost]\ncertificate = { chain = \"c.pem\", key = \"/k.pem\" }";
    let mut config = Config::parse(Path::new("yatter.toml"), text).unwrap();
    config.resolve(Path::new("/etc/yatter"));
    assert_eq!(config.data, Path::new("/etc/yatter/state"));
    let files = Certificate::Files { chain: "/etc/yatter/c.pem".into(), key: "/k.pem".into() };
    assert_eq!(config.host[&Domain::localhost()].certificate, files);
}

#[test]
fn without_a_file_only_this_machine_can_connect() {
    let config = Config::development("data".into());
    assert!(config.listen.iter().all(|door| door.address.ip().is_loopback()));
    assert_eq!(config.listen.iter().filter(|door| door.require_tls).count(), 5);
    assert_eq!(config.listen.iter().filter(|door| door.serves == Serves::Http).count(), 2);
    assert!(Config::default().listen.iter().all(|door| door.require_tls));
}
