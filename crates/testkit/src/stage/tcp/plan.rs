//! What a server must be set up with before a run: hosts, their settings, accounts.

use super::fit::{fits, hosts, on_own_hosts};
use super::house::House;
use crate::scene::{Given, Scene};
use serde::Serialize;
use std::collections::BTreeMap;

/// A scene's wishes.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// The scene's name.
    pub scene: String,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// What is given for them: `registration`, `require_tls`.
    pub settings: BTreeMap<String, String>,
    /// Its accounts: localpart, host, password.
    pub accounts: Vec<[String; 3]>,
}

/// The scenes as they are played in this house: those that it names, each on the hosts that it will have there.
pub fn numbered(scenes: Vec<Scene>, house: &House) -> Result<Vec<Scene>, String> {
    let wanted = |scene: &Scene| house.scenes.is_empty() || house.scenes.contains(&scene.name);
    let numbered = scenes.into_iter().enumerate().filter(|(_, scene)| wanted(scene));
    numbered.map(|(number, scene)| if house.own_hosts { on_own_hosts(&scene, number) } else { Ok(scene) }).collect()
}

impl Planned {
    /// What has to be there for a scene; nothing for one that is left out.
    pub fn of(scene: &Scene, house: &House) -> Option<Planned> {
        fits(scene, house).ok()?;
        let options = scene.given.iter().filter_map(|given| match given {
            Given::Option { key, value } => Some((key.clone(), value.clone())),
            _ => None,
        });
        let mut accounts: Vec<[String; 3]> = Vec::new();
        for member in scene.cast.iter().filter(|member| member.account) {
            let account = [member.local.clone(), member.host.clone(), member.password.clone()];
            // The first of the cast decides the password.
            if !accounts.iter().any(|other| other[..2] == account[..2]) {
                accounts.push(account);
            }
        }
        Some(Planned { scene: scene.name.clone(), hosts: hosts(scene), settings: options.collect(), accounts })
    }
}
