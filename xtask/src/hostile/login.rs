//! From nothing to the moment at which a case begins.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::case::{Moment, Occasion, Way};
use super::client::Client;
use super::house::House;
use super::tree::{Item, Tree};

pub(super) const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
pub(super) const TLS: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
pub(super) const BIND: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-bind'";

/// Who comes in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) resource: String,
}

impl Way {
    /// The opening tag that gives this dialect here.
    pub(super) fn header(self, host: &str) -> String {
        // Where everybody is spoken to as in 2000, a version changes nothing.
        let version = if self.is_j() && self != Way::LegacyJ { "" } else { " version='1.0'" };
        format!(
            "<?xml version='1.0'?><stream:stream to='{host}'{version} xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        )
    }
}

/// Comes as far as the occasion wants.
pub(super) fn reach(house: &House, occasion: Occasion, person: &Person) -> Result<Client> {
    let Occasion { way, moment } = occasion;
    let mut client = connect(house, way)?;
    if moment == Moment::Connected || !way.is_stream() {
        return Ok(client);
    }
    match way {
        Way::StartTlsX => {
            open(&mut client, &way.header(&house.stage.host), true)?;
            client.say(&format!("<starttls {TLS}/>"))?;
            await_element(&mut client, "proceed")?;
            if moment == Moment::Proceed {
                client.forget();
                return Ok(client);
            }
            client.encrypt()?;
        }
        way if way.is_direct() => client.encrypt()?,
        _ => {}
    }
    if moment != Moment::First {
        begin(&mut client, house, occasion, person)?;
    }
    client.forget();
    Ok(client)
}

/// Connects, and says nothing.
pub(super) fn connect(house: &House, way: Way) -> Result<Client> {
    match way {
        Way::Control => Client::connect_to(&house.control()),
        way => Client::connect(house.port(way)),
    }
}

fn begin(client: &mut Client, house: &House, Occasion { way, moment }: Occasion, person: &Person) -> Result<()> {
    let header = way.header(&house.stage.host);
    open(client, &header, !way.is_j())?;
    if moment == Moment::Stranger {
        return Ok(());
    }
    if way.is_j() {
        return log_in_as_in_2000(client, person);
    }
    authenticate(client, person)?;
    client.restart();
    if moment == Moment::Restart {
        return Ok(());
    }
    open(client, &header, true)?;
    if moment == Moment::Session { bind(client, person) } else { Ok(()) }
}

/// Opens a stream, and hears the features of one that has them.
pub(super) fn open(client: &mut Client, header: &str, features: bool) -> Result<()> {
    client.say(header)?;
    match client.next()? {
        Item::Header(_) => {}
        other => bail!("no opening tag but {other:?}"),
    }
    if features {
        await_element(client, "features")?;
    }
    Ok(())
}

/// From an open stream to one that has to be opened again.
pub(super) fn authenticate(client: &mut Client, person: &Person) -> Result<()> {
    client.say(&plain(&person.name))?;
    await_element(client, "success").map(|_| ())
}

/// The right password, by SASL.
pub(super) fn plain(user: &str) -> String {
    let secret = STANDARD.encode(format!("\0{user}\0{}", super::PASSWORD));
    format!("<auth {SASL} mechanism='PLAIN'>{secret}</auth>")
}

pub(super) fn bind(client: &mut Client, person: &Person) -> Result<()> {
    let resource = &person.resource;
    client.say(&format!("<iq type='set' id='bind'><bind {BIND}><resource>{resource}</resource></bind></iq>"))?;
    result(client, "bind")
}

/// The right password, as in 2000.
pub(super) fn iq_auth(person: &Person) -> String {
    let Person { name, resource } = person;
    format!(
        "<iq type='set' id='auth'><query xmlns='jabber:iq:auth'><username>{name}</username>\
         <password>{}</password><resource>{resource}</resource></query></iq>",
        super::PASSWORD
    )
}

pub(super) fn log_in_as_in_2000(client: &mut Client, person: &Person) -> Result<()> {
    client.say(&iq_auth(person))?;
    result(client, "auth")
}

fn result(client: &mut Client, id: &str) -> Result<()> {
    // Other servers tell of features whether there was a version or not; that ours does not is a case of its own.
    let is_features = |item: &Item| matches!(item, Item::Element(tree) if tree.name == "features");
    let answer = match client.next().with_context(|| format!("{id} is not answered"))? {
        item if is_features(&item) => await_element(client, "iq")?,
        Item::Element(tree) if tree.name == "iq" => tree,
        other => bail!("{id} is answered {other:?}"),
    };
    ensure!(answer.attr("type") == Some("result"), "{id} is answered {answer:?}");
    Ok(())
}

/// The next element, which has to have this name.
pub(super) fn await_element(client: &mut Client, name: &str) -> Result<Tree> {
    match client.next().with_context(|| format!("no <{name}/>"))? {
        Item::Element(tree) if tree.name == name => Ok(tree),
        other => bail!("no <{name}/> but {other:?}"),
    }
}
