//! What is given before the first step: accounts and subscriptions, made the way people make them.

use super::client::Client;
use super::login::bring;
use super::report::Failure;
use crate::scene::{Given, Login, Member, Scene, Security, Subscription};
use crate::stage::Stage;
use std::collections::BTreeMap;

/// Makes the accounts of the cast and brings their subscriptions into the states that are given.
pub(super) async fn prepare<S: Stage>(stage: &S, scene: &Scene) -> Result<(), Failure> {
    let mut accounts: BTreeMap<String, Client> = BTreeMap::new();
    for member in scene.cast.iter().filter(|member| member.account) {
        if accounts.contains_key(&member.bare()) {
            continue;
        }
        stage.create_account(member).await?;
        accounts.insert(member.bare(), Client::new(&modest(member)));
    }
    let bare = |name: &str| {
        let member = scene.cast.iter().find(|member| member.name == name);
        member.map(Member::bare).ok_or_else(|| Failure::of(format!("nobody is called {name}")))
    };
    for given in &scene.given {
        if let Given::Subscription { of, to, state } = given {
            subscribe(stage, &mut accounts, [&bare(of)?, &bare(to)?], *state).await?;
        }
    }
    for client in accounts.values_mut().filter(|client| client.is_connected()) {
        client.send(b"</stream:stream>").await;
        stage.quiet().await?;
        client.lose();
    }
    Ok(stage.quiet().await?)
}

/// The same account's client without the traits of its member: only there to subscribe.
fn modest(member: &Member) -> Member {
    Member {
        resource: Some("given".to_owned()),
        login: Login::LoggedIn,
        security: Security::Plain,
        j_stream: false,
        legacy: false,
        roster: true,
        carbons: false,
        priority: None,
        ..member.clone()
    }
}

async fn subscribe<S: Stage>(
    stage: &S,
    accounts: &mut BTreeMap<String, Client>,
    sides: [&str; 2],
    state: Subscription,
) -> Result<(), Failure> {
    for (side, verb) in state.way() {
        let (from, to) = (sides[*side], sides[1 - *side]);
        let client = accounts.get_mut(from).ok_or_else(|| Failure::of(format!("{from} has no account")))?;
        bring(stage, client, Login::LoggedIn).await?;
        client.send(format!("<presence type='{verb}' to='{to}'/>").as_bytes()).await;
        if !stage.patience().is_zero() {
            client.ask(stage, "taken", "<iq type='get' id='taken'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
        }
        stage.quiet().await?;
        client.pump().await;
        client.tell_all();
    }
    Ok(())
}

impl Subscription {
    /// Who says what to come from nothing to this state; 0 is the user, 1 the contact.
    fn way(self) -> &'static [(usize, &'static str)] {
        const USER_ASKS: (usize, &str) = (0, "subscribe");
        const USER_GRANTS: (usize, &str) = (0, "subscribed");
        const CONTACT_ASKS: (usize, &str) = (1, "subscribe");
        const CONTACT_GRANTS: (usize, &str) = (1, "subscribed");
        match self {
            Subscription::None => &[],
            Subscription::NonePendingOut => &[USER_ASKS],
            Subscription::NonePendingIn => &[CONTACT_ASKS],
            Subscription::NonePendingOutIn => &[USER_ASKS, CONTACT_ASKS],
            Subscription::To => &[USER_ASKS, CONTACT_GRANTS],
            Subscription::ToPendingIn => &[USER_ASKS, CONTACT_GRANTS, CONTACT_ASKS],
            Subscription::From => &[CONTACT_ASKS, USER_GRANTS],
            Subscription::FromPendingOut => &[CONTACT_ASKS, USER_GRANTS, USER_ASKS],
            Subscription::Both => &[USER_ASKS, CONTACT_GRANTS, CONTACT_ASKS, USER_GRANTS],
        }
    }
}
