//! SIGHUP: the configuration and the certificates are read again; what was good stays in force when the new is not.

use super::{Server, hosts};
use crate::cli::{Origin, Setup};
use crate::config::Config;
use crate::events;
use crate::failure::Failure;
use crate::log::Logging;

/// Reads again and puts into force what can change while streams are open; names what needs a restart.
pub(super) fn reload(server: &mut Server, logging: &Logging) {
    match put_into_force(server, logging) {
        Ok(()) => events::reloaded(name(&server.setup)),
        Err(failure) => events::reload_refused(failure.to_string().replace('\n', "; ")),
    }
}

fn put_into_force(server: &mut Server, logging: &Logging) -> Result<(), Failure> {
    let new = server.setup.again()?.config;
    let old = server.setup.config.clone();
    let next = merged(&old, new);
    server.certificates.replace(hosts::certificate_sources(&next)).map_err(Failure::new)?;
    if let Err(error) = server.hub.set_hosts(&hosts::options(&next, server.relay.as_ref())) {
        // The new hosts are refused, so the old certificates belong to the hosts in force.
        let _ = server.certificates.replace(hosts::certificate_sources(&old));
        return Err(Failure::new(error));
    }
    logging.reload(&next.log);
    server.setup.config = next;
    Ok(())
}

/// The new configuration, with the old value of everything that only a restart can change.
fn merged(old: &Config, mut new: Config) -> Config {
    keep("data", &old.data, &mut new.data);
    keep("listen", &old.listen, &mut new.listen);
    keep("storage", &old.storage, &mut new.storage);
    keep("limits", &old.limits, &mut new.limits);
    keep("bytestreams", &old.bytestreams, &mut new.bytestreams);
    keep("upload", &old.upload, &mut new.upload);
    keep("metrics", &old.metrics, &mut new.metrics);
    keep("log.format", &old.log.format, &mut new.log.format);
    new
}

fn keep<T: Clone + PartialEq>(key: &str, old: &T, new: &mut T) {
    if old != new {
        events::restart_needed(key);
        new.clone_from(old);
    }
}

fn name(setup: &Setup) -> String {
    match &setup.origin {
        Origin::File(file) => file.display().to_string(),
        Origin::Development => "none (certificates only)".to_owned(),
    }
}
