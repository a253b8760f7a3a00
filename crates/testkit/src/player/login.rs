//! The small client's way in: stream, encryption, login, roster. None of it is part of a scene.

use super::client::Client;
use super::report::Failure;
use crate::scene::{Login, Security};
use crate::stage::{DoorKind, Stage, StageError};
use crate::tree::{Content, STREAM, Tree, escape};
use xmpp::sasl::{Gs2, Hash, ScramClient, decode, encode};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// Brings a client as far as `login`, from wherever it is.
pub(super) async fn bring<S: Stage>(stage: &S, client: &mut Client, login: Login) -> Result<(), Failure> {
    if login >= Login::Raw && !client.is_connected() {
        let door = DoorKind { security: client.member.security, legacy: client.member.legacy };
        client.connected(stage.connect(door).await?);
        if login >= Login::Open {
            open(stage, client).await?;
        }
    }
    if login == Login::Authenticated {
        authenticate(stage, client).await?;
        say_header(stage, client).await?;
    }
    if login >= Login::LoggedIn && client.jid.is_none() {
        log_in(stage, client).await?;
    }
    if login >= Login::Available {
        client.send(initial_presence(client).as_bytes()).await;
    }
    Ok(())
}

/// The presence that a member sends first.
pub(super) fn initial_presence(client: &Client) -> String {
    match client.member.priority {
        Some(priority) => format!("<presence><priority>{priority}</priority></presence>"),
        None => "<presence/>".to_owned(),
    }
}

/// Opens the stream and encrypts it as the member's traits say.
async fn open<S: Stage>(stage: &S, client: &mut Client) -> Result<(), Failure> {
    match client.member.security {
        Security::Plain => {}
        Security::Tls => encrypt(stage, client).await?,
        Security::StartTls => {
            say_header(stage, client).await?;
            client.send(format!("<starttls xmlns='{TLS}'/>").as_bytes()).await;
            element(stage, client, TLS, "proceed").await?;
            encrypt(stage, client).await?;
        }
    }
    say_header(stage, client).await.map(drop)
}

/// Puts TLS on the connection that a client has.
pub(super) async fn encrypt<S: Stage>(stage: &S, client: &mut Client) -> Result<(), Failure> {
    let wire = client.take_wire().ok_or_else(|| Failure::of("there is no connection"))?;
    let wire = stage.encrypt(wire, &client.member.host).await?;
    client.encrypted(wire);
    Ok(())
}

/// Says our header, takes out the server's and, on an X-stream, its features.
async fn say_header<S: Stage>(stage: &S, client: &mut Client) -> Result<Option<Tree>, Failure> {
    let version = if client.member.j_stream { "" } else { " version='1.0'" };
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' xmlns:stream='{STREAM}'{version}>",
        escape(&client.member.host)
    );
    client.send(header.as_bytes()).await;
    let header = client
        .next(stage, "the server's header", |content| match content {
            Content::Header(tree) => Some(tree.clone()),
            _ => None,
        })
        .await?;
    client.stream_id = header.attr("id").map(str::to_owned);
    match header.attr("version") {
        Some(_) => {
            let features = element(stage, client, STREAM, "features").await?;
            let offered = features.child(SASL, "mechanisms").into_iter().flat_map(Tree::elements).map(Tree::text);
            client.mechanisms = offered.collect();
            Ok(Some(features))
        }
        None => Ok(None),
    }
}

async fn element<S: Stage>(stage: &S, client: &mut Client, ns: &str, name: &str) -> Result<Tree, Failure> {
    let fits = |content: &Content| match content {
        Content::Element(tree) if tree.is(ns, name) => Some(tree.clone()),
        _ => None,
    };
    client.next(stage, &format!("<{name} xmlns=\"{ns}\"/>"), fits).await
}

async fn log_in<S: Stage>(stage: &S, client: &mut Client) -> Result<(), Failure> {
    let jid = match client.member.j_stream || client.member.legacy {
        true => log_in_as_in_2000(stage, client).await?,
        false => {
            authenticate(stage, client).await?;
            say_header(stage, client).await?;
            bind(stage, client).await?
        }
    };
    client.jid = Some(jid);
    if client.member.roster {
        ask(stage, client, "roster", "get", "<query xmlns='jabber:iq:roster'/>").await?;
    }
    if client.member.carbons {
        ask(stage, client, "carbons", "set", "<enable xmlns='urn:xmpp:carbons:2'/>").await?;
    }
    Ok(())
}

async fn authenticate<S: Stage>(stage: &S, client: &mut Client) -> Result<(), Failure> {
    let (user, password) = (client.member.local.clone(), client.member.password.clone());
    if stage.liberties().is_some() && !client.mechanisms.contains(&client.member.mechanism) {
        // Which mechanisms are offered is for whoever runs the server to say.
        return Err(StageError::Unable(format!("log in by {}", client.member.mechanism)).into());
    }
    match client.member.mechanism.as_str() {
        "PLAIN" => {
            say(client, "auth", "mechanism='PLAIN'", format!("\0{user}\0{password}").as_bytes()).await;
            element(stage, client, SASL, "success").await.map(drop)
        }
        "SCRAM-SHA-1" => scram(stage, client, ScramClient::new(Hash::Sha1, &user, &password, &Gs2::Unsupported)).await,
        "SCRAM-SHA-256" => {
            scram(stage, client, ScramClient::new(Hash::Sha256, &user, &password, &Gs2::Unsupported)).await
        }
        other => Err(Failure::of(format!("the small client does not speak {other}"))),
    }
}

async fn scram<S: Stage>(stage: &S, client: &mut Client, mut scram: ScramClient) -> Result<(), Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::of(format!("the server's part of SCRAM is wrong: {why}"));
    let mechanism = format!("mechanism='{}'", client.member.mechanism);
    say(client, "auth", &mechanism, &scram.first()).await;
    let challenge = element(stage, client, SASL, "challenge").await?.text();
    let challenge = decode(&challenge).map_err(|failure| wrong(&failure.name()))?;
    let answer = scram.answer(&challenge).map_err(|error| wrong(&error))?;
    say(client, "response", "", &answer).await;
    let verdict = element(stage, client, SASL, "success").await?.text();
    let verdict = decode(&verdict).map_err(|failure| wrong(&failure.name()))?;
    scram.finish(&verdict).map_err(|error| wrong(&error))
}

async fn say(client: &mut Client, name: &str, attributes: &str, message: &[u8]) {
    let element = format!("<{name} xmlns='{SASL}' {attributes}>{}</{name}>", encode(message));
    client.send(element.as_bytes()).await;
}

async fn bind<S: Stage>(stage: &S, client: &mut Client) -> Result<String, Failure> {
    let wish = match &client.member.resource {
        Some(resource) => format!("<bind xmlns='{BIND}'><resource>{}</resource></bind>", escape(resource)),
        None => format!("<bind xmlns='{BIND}'/>"),
    };
    let answer = ask(stage, client, "bind", "set", &wish).await?;
    let jid = answer.child(BIND, "bind").and_then(|bind| bind.child(BIND, "jid")).map(Tree::text);
    jid.ok_or_else(|| Failure::of("binding gave no address").got(answer.lines()))
}

async fn log_in_as_in_2000<S: Stage>(stage: &S, client: &mut Client) -> Result<String, Failure> {
    let resource = client.member.resource.clone().unwrap_or_else(|| "scene".to_owned());
    let query = format!(
        "<query xmlns='jabber:iq:auth'><username>{}</username><password>{}</password><resource>{}</resource></query>",
        escape(&client.member.local),
        escape(&client.member.password),
        escape(&resource)
    );
    ask(stage, client, "auth", "set", &query).await?;
    Ok(format!("{}/{resource}", client.member.bare()))
}

/// Asks the server something that has to succeed.
async fn ask<S: Stage>(stage: &S, client: &mut Client, id: &str, kind: &str, payload: &str) -> Result<Tree, Failure> {
    let iq = format!("<iq type='{kind}' id='{id}'>{payload}</iq>");
    let answer = client.ask(stage, id, &iq).await?;
    match answer.attr("type") {
        Some("result") => Ok(answer),
        _ => Err(Failure::of(format!("{} was refused: {iq}", client.member.name)).got(answer.lines())),
    }
}
