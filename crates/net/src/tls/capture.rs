//! What the TLS library tells only to its callbacks, caught while it works for one connection.
//!
//! The unbuffered connection has neither `export_keying_material` nor `server_name`. Its key log and its certificate
//! resolver are shared by all connections, but run inside the synchronous call for one of them: so that call lays a
//! [`Capture`] on the thread, the callbacks fill it, and the call takes it up again.

use std::cell::RefCell;

use rustls::KeyLog;
use zeroize::Zeroizing;

use super::end_point::EndPoint;

/// What one handshake showed to the callbacks.
#[derive(Default)]
pub(super) struct Capture {
    /// The exporter master secret of TLS 1.3.
    pub(super) exporter_secret: Option<Zeroizing<Vec<u8>>>,
    /// The name that the peer asked for (SNI), lower case.
    pub(super) server_name: Option<String>,
    /// The `tls-server-end-point` of the certificate that was shown.
    pub(super) end_point: Option<EndPoint>,
}

thread_local! {
    static CURRENT: RefCell<Option<Capture>> = const { RefCell::new(None) };
}

/// Runs `work` with `capture` open for the callbacks.
pub(super) fn with<R>(capture: &mut Capture, work: impl FnOnce() -> R) -> R {
    CURRENT.set(Some(std::mem::take(capture)));
    let result = work();
    *capture = CURRENT.take().unwrap_or_default();
    result
}

/// For the callbacks: writes into the open capture, if there is one.
pub(super) fn note(write: impl FnOnce(&mut Capture)) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(capture) = current {
            write(capture);
        }
    });
}

/// Hears one secret only, the exporter's, and keeps it nowhere but in the open capture.
#[derive(Debug)]
pub(super) struct ExporterLog;

impl KeyLog for ExporterLog {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if self.will_log(label) {
            note(|capture| capture.exporter_secret = Some(Zeroizing::new(secret.to_vec())));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == "EXPORTER_SECRET"
    }
}
