//! Accounts: added, listed, given another password, removed.

use std::time::Duration;

use extensions::registration;
use im::{AccountError, Hub, NewCredentials};
use tokio::task::JoinSet;
use xmpp::Jid;
use xmpp::sasl::{ScramKeys, ZeroK};

use super::{ADD_MAX, Answer, Listed, NewAccount, Proof};
use crate::events;

/// Accounts that are being written at the same time, so that one commit takes many.
const IN_FLIGHT: usize = 256;

/// Accounts in one page of a list.
const PAGE: usize = 1_000;

/// Makes accounts, many in one commit. One that is refused does not keep the others.
pub(super) async fn add(hub: &Hub, accounts: Vec<NewAccount>) -> Answer {
    if accounts.len() > ADD_MAX {
        return Answer::refused(format!("at most {ADD_MAX} accounts can be added at once"));
    }
    // What stays so is what a panic has left in the air.
    let mut refused = vec![Some("the server failed at it; its log says more".to_owned()); accounts.len()];
    let mut under_way = JoinSet::new();
    let mut settle = |done: Result<(usize, Result<(), String>), tokio::task::JoinError>| match done {
        Ok((n, result)) => refused[n] = result.err(),
        Err(error) => events::operation_failed("user add", error),
    };
    for (n, account) in accounts.into_iter().enumerate() {
        if under_way.len() >= IN_FLIGHT
            && let Some(done) = under_way.join_next().await
        {
            settle(done);
        }
        let hub = hub.clone();
        under_way.spawn(async move { (n, add_one(&hub, &account).await) });
    }
    while let Some(done) = under_way.join_next().await {
        settle(done);
    }
    Answer::Added { refused }
}

async fn add_one(hub: &Hub, account: &NewAccount) -> Result<(), String> {
    let (name, host) = name_and_host(hub, &account.jid)?;
    let credentials = credentials(&account.proof)?;
    let made = hub.create_account(name, &host, &credentials).await;
    let jid = made.map_err(|error| sentence(&account.jid, &error))?;
    events::account_added(jid);
    Ok(())
}

/// Gives an account another password.
pub(super) async fn set_password(hub: &Hub, jid: &str, proof: &Proof) -> Result<Answer, String> {
    let account = account(hub, jid)?;
    let credentials = credentials(proof)?;
    hub.set_credentials(&account, &credentials).await.map_err(|error| sentence(jid, &error))?;
    events::password_changed(account);
    Ok(Answer::Done)
}

/// One page of a host's accounts.
pub(super) async fn list(hub: &Hub, host: &str, after: &str) -> Result<Answer, String> {
    let host = served(hub, host)?;
    let page = hub.accounts(&host, after, PAGE).await.map_err(|fault| fault.to_string())?;
    let listed = |(jid, created): (Jid, xmpp::Timestamp)| Listed { jid: jid.to_string(), created: created.to_string() };
    Ok(Answer::Accounts { accounts: page.into_iter().map(listed).collect() })
}

/// Removes an account and everything kept for it; its name stays reserved.
pub(super) async fn remove(hub: &Hub, jid: &str) -> Result<Answer, String> {
    let account = account(hub, jid)?;
    hub.remove_account(&account, None).await.map_err(|error| sentence(jid, &error))?;
    events::account_removed(account);
    Ok(Answer::Done)
}

/// Makes an invitation to a host.
pub(super) async fn invite(hub: &Hub, host: &str, uses: u32, hours: u32) -> Result<Answer, String> {
    let host = served(hub, host)?;
    let name = Jid::parse(&host).map_err(|error| format!("`{host}` is not an address: {error}"))?;
    let lasts = Duration::from_secs(u64::from(hours) * 3_600);
    let invitation = registration::invite(hub, &name, uses, lasts).await.map_err(|error| error.to_string())?;
    let (token, until) = (invitation.token, invitation.until.to_string());
    events::invited(&host, uses, &until);
    Ok(Answer::Invited { uri: registration::uri(&name, &token), token, until })
}

/// Gives back a name that is reserved since its account was removed.
pub(super) async fn free(hub: &Hub, jid: &str) -> Result<Answer, String> {
    let account = account(hub, jid)?;
    hub.free_name(&account).await.map_err(|error| match error {
        AccountError::Exists => format!("{jid} has an owner; `yatter user remove {jid}` removes the account"),
        AccountError::NotReserved => format!("{jid} is not reserved: `yatter user add {jid}` makes the account"),
        other => format!("{jid}: {other}"),
    })?;
    events::name_freed(account);
    Ok(Answer::Done)
}

/// The account that an address means.
pub(super) fn account(hub: &Hub, jid: &str) -> Result<Jid, String> {
    let (name, host) = name_and_host(hub, jid)?;
    Jid::new(Some(name), &host, None).map_err(|error| format!("`{jid}` is not an address: {error}"))
}

/// The two halves of an account's address; the name as it was spelled.
fn name_and_host<'j>(hub: &Hub, jid: &'j str) -> Result<(&'j str, String), String> {
    let Some((name, domain)) = jid.split_once('@') else {
        let host = hub.default_host().map_or("localhost".to_owned(), |host| host.name().to_string());
        return Err(format!("`{jid}` names no host: write {jid}@{host}"));
    };
    if domain.contains('/') {
        return Err(format!("`{jid}` names a session: an account is {}", jid.split('/').next().unwrap_or(jid)));
    }
    Ok((name, served(hub, domain)?))
}

/// The canonical name of a host that is served here.
fn served(hub: &Hub, domain: &str) -> Result<String, String> {
    let canonical = Jid::parse(domain).ok().filter(Jid::is_domain);
    if let Some(host) = canonical.and_then(|domain| hub.host(domain.as_str())) {
        return Ok(host.name().to_string());
    }
    let mut ours: Vec<String> = hub.hosts().iter().map(|host| host.name().to_string()).collect();
    ours.sort();
    Err(format!("`{domain}` is not a host of this server, which serves {}", ours.join(", ")))
}

fn credentials(proof: &Proof) -> Result<NewCredentials, String> {
    let keys = |record: &String| ScramKeys::from_record(record).ok_or_else(|| "a SCRAM record is malformed".to_owned());
    let scram = proof.scram.iter().map(keys).collect::<Result<Vec<_>, _>>()?;
    if scram.is_empty() {
        return Err("there are no SCRAM keys: without any, nobody could log in".to_owned());
    }
    let chain = |record: &String| ZeroK::from_record(record).ok_or_else(|| "a chain of hashes is malformed".to_owned());
    Ok(NewCredentials { scram, digest: proof.digest.clone(), zero_k: proof.zero_k.as_ref().map(chain).transpose()? })
}

fn sentence(jid: &str, error: &AccountError) -> String {
    match error {
        AccountError::Exists => format!("{jid} exists already; `yatter user passwd {jid}` changes its password"),
        AccountError::Reserved => format!(
            "{jid} belonged to an account that was removed, and stays reserved: who has it now may be taken for the one \
             before; `yatter user free {jid}` gives it back"
        ),
        other => format!("{jid}: {other}"),
    }
}
