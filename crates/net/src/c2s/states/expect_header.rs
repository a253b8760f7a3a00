//! Expecting the stream's opening tag: the first one, the one inside TLS, or the one after SASL.

use std::sync::Arc;

use im::{Dialect, Host};
use xml::Header;
use xmpp::{Jid, StreamError};

use super::{End, ExpectBind, ExpectFeature, ExpectLegacyAuth, Next, State};
use crate::c2s::features;
use crate::c2s::opening::{self, Opening};
use crate::c2s::party::Party;

/// A stream that has not begun.
pub(in crate::c2s) enum ExpectHeader {
    /// Nothing was said on this connection.
    First,
    /// TLS has just begun.
    Encrypted,
    /// SASL has just ended, with this account.
    LoggedIn(Arc<Host>, Jid),
}

impl ExpectHeader {
    pub(super) fn handle(self, party: &Party, header: &Header, out: &mut Vec<u8>) -> Result<Next, End> {
        let opening = opening::judge(header, party);
        let dialect = self.spoken(&opening);
        let stream_id = opening::random_id()?;
        let from = match &opening.host {
            Ok(host) => Some(host.clone()),
            Err(_) if dialect == Dialect::X => party.doors.hub().default_host(),
            Err(_) => None,
        };
        opening::write(out, dialect, &stream_id, from.as_deref().map(Host::name));
        let host = match opening.host {
            Ok(host) => host,
            Err(error) => return Err(End::Opening(dialect, error)),
        };
        let lang = opening::language(header);
        match (self, opening.dialect) {
            (ExpectHeader::LoggedIn(logged_in, account), Dialect::X) if logged_in.name() == host.name() => {
                features::write_after_login(out, &host);
                Ok(Next::State(State::Bind(ExpectBind { host, account, lang, failures: 0 })))
            }
            // Neither the host nor the version may change after SASL.
            (ExpectHeader::LoggedIn(..), _) => Err(End::Opening(dialect, StreamError::not_authorized())),
            (_, Dialect::J) => Ok(ExpectLegacyAuth::new(host, stream_id).into()),
            (_, Dialect::X) => {
                features::write_before_login(out, party, &host);
                Ok(ExpectFeature::new(host, stream_id, lang).into())
            }
        }
    }

    /// The Jabber in which a header is answered: its own, but who has shown to speak today's hears of a mistake in that.
    fn spoken(&self, opening: &Opening) -> Dialect {
        match self {
            ExpectHeader::LoggedIn(..) => Dialect::X,
            ExpectHeader::Encrypted if opening.host.is_err() => Dialect::X,
            ExpectHeader::First | ExpectHeader::Encrypted => opening.dialect,
        }
    }

    /// What came before says which Jabber is spoken.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        match self {
            ExpectHeader::First => None,
            ExpectHeader::Encrypted | ExpectHeader::LoggedIn(..) => Some(Dialect::X),
        }
    }
}
