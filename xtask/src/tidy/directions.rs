//! Which crate may know which: `docs/ARCHITECTURE.md` draws it, the manifests must agree.

use anyhow::Result;

use crate::workspace::{Package, Workspace};

/// A crate, the crates of the workspace that it may depend on, and the outside crates that would break its promise.
struct May {
    package: &'static str,
    know: &'static [&'static str],
    never: &'static [&'static str],
}

const SOCKETS: &[&str] = &["axum", "hyper", "mio", "rusqlite", "rustls", "tokio-postgres"];

const RULES: [May; 16] = [
    May { package: "yatter-xml", know: &[], never: &["tokio", "futures", "mio"] },
    May { package: "yatter-xmpp", know: &["yatter-xml"], never: &["tokio", "mio", "rusqlite", "rustls"] },
    May { package: "yatter-store", know: &[], never: &["axum", "hyper", "mio", "rustls"] },
    May { package: "yatter-cluster", know: &[], never: &["axum", "rusqlite", "rustls"] },
    May {
        package: "yatter-im",
        know: &["yatter-xml", "yatter-xmpp", "yatter-store", "yatter-cluster"],
        never: SOCKETS,
    },
    May {
        package: "yatter-extensions",
        know: &["yatter-xml", "yatter-xmpp", "yatter-store", "yatter-im"],
        never: SOCKETS,
    },
    May { package: "yatter-net", know: &["yatter-xml", "yatter-xmpp", "yatter-im"], never: &["rusqlite"] },
    May {
        package: "yatter-server",
        know: &[
            "yatter-xml",
            "yatter-xmpp",
            "yatter-store",
            "yatter-cluster",
            "yatter-im",
            "yatter-extensions",
            "yatter-net",
        ],
        never: &[],
    },
    May {
        package: "yatter-testkit",
        know: &[
            "yatter-xml",
            "yatter-xmpp",
            "yatter-store",
            "yatter-cluster",
            "yatter-im",
            "yatter-extensions",
            "yatter-net",
            "yatter-server",
            "yatter-trusting",
        ],
        never: &[],
    },
    May { package: "yatter-disk", know: &[], never: &["tokio", "axum", "rustls"] },
    May {
        package: "yatter-counts",
        know: &["yatter-xml", "yatter-xmpp", "yatter-store", "yatter-im", "yatter-extensions", "yatter-net"],
        never: &[],
    },
    May {
        package: "yatter-models",
        know: &["yatter-xml", "yatter-xmpp", "yatter-store", "yatter-im", "yatter-extensions"],
        never: &[],
    },
    May { package: "yatter-trusting", know: &[], never: &["tokio", "axum", "rusqlite"] },
    May { package: "yatter-load", know: &["yatter-trusting"], never: &[] },
    May { package: "yatter-examples", know: &["yatter-xml", "yatter-xmpp"], never: &["tokio"] },
    May { package: "xtask", know: &["yatter-trusting"], never: &[] },
];

/// Errors with a story belong to commands; a library names its faults.
const MAY_USE_ANYHOW: [&str; 4] = ["yatter-server", "yatter-counts", "yatter-load", "xtask"];

/// What others may use in their tests: the testkit, though they stand below it, and the ground that all stand on, to
/// build a small house of their own. `yatter-trusting` too: the server itself never takes just any certificate, only
/// the clients that test it do.
const FOR_TESTS: [&str; 8] = [
    "yatter-disk",
    "yatter-testkit",
    "yatter-xml",
    "yatter-xmpp",
    "yatter-store",
    "yatter-cluster",
    "yatter-im",
    "yatter-trusting",
];

pub(super) fn offences(workspace: &Workspace) -> Result<Vec<String>> {
    let inside: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    Ok(workspace.packages.iter().flat_map(|package| of_package(package, &inside)).collect())
}

fn of_package(package: &Package, inside: &[&str]) -> Vec<String> {
    let Some(rule) = RULES.iter().find(|rule| rule.package == package.name) else {
        return vec![format!("{} has no rule here: say what it may know", package.name)];
    };
    let mut offences = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let excused = dependency.for_tests_only && FOR_TESTS.contains(&name);
        if inside.contains(&name) && !rule.know.contains(&name) && !excused {
            offences.push(format!("{} must not depend on {name}", package.name));
        }
        let outside = !dependency.for_tests_only;
        if outside && rule.never.contains(&name) {
            offences.push(format!("{} promises never to use {name}", package.name));
        }
        if outside && name == "anyhow" && !MAY_USE_ANYHOW.contains(&rule.package) {
            offences.push(format!("{} is a library: it names its errors, without anyhow", package.name));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, for_tests_only)| Dependency { name: (*name).to_owned(), for_tests_only: *for_tests_only })
            .collect();
        Package { name: name.to_owned(), folder: ".".into(), dependencies }
    }

    #[test]
    fn a_wrong_direction_is_found_and_tests_may_use_the_testkit() {
        let inside = ["yatter-im", "yatter-net", "yatter-testkit"];
        let fine = package("yatter-net", &[("yatter-im", false), ("yatter-testkit", true), ("tokio", false)]);
        assert!(of_package(&fine, &inside).is_empty());
        assert_eq!(of_package(&package("yatter-im", &[("yatter-net", false)]), &inside).len(), 1);
        assert_eq!(of_package(&package("yatter-im", &[("yatter-testkit", false)]), &inside).len(), 1);
        assert_eq!(of_package(&package("yatter-im", &[("rusqlite", false)]), &inside).len(), 1);
        assert_eq!(of_package(&package("yatter-new", &[]), &inside).len(), 1);
    }
}
