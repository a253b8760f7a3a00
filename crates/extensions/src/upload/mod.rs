//! File upload: a client puts a file on the server over HTTP and sends others its address.
//!
//! Source    XEP-0363 1.2.0; the addresses are carried by jabber:x:oob and jabber:iq:oob (XEP-0066), which pass through the server untouched.
//! Hangs on  iq get to the service `upload.HOST`; HTTP below `/upload/`; hourly, the removal of what has expired; the removal of an account.
//! Keeps     store "uploads": one record per slot, of its account and erased with it; store "upload_owners": whose a slot is; blobs "uploads": the
//!           files, by the slot's id. Bounded per account in bytes, bytes a day and files, and in all; a file is gone [`Options::keep_days`] after its slot was given.
//! Refuses   forbidden to all but the host's own accounts; not-acceptable with file-too-large; resource-constraint with retry when a bound is reached;
//!           not-acceptable for a name that no address can end with. HTTP: 404, 405, 408, 409 (there already), 410 (the slot is too old), 411, 413, 415, 416, 507.
mod download;
mod path;
mod put;
mod quota;
mod range;
mod record;
mod slot;
mod sweep;

use im::web::{Answering, Request};
use im::{About, AccountSlot, Attach, Extension, Fault, Hub, Identity, Plan, PlanError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use tokio::sync::Semaphore;
use xml::{Builder, Element};
use xmpp::ns;

/// Gives slots, takes files in and gives them out.
pub struct Room {
    options: Options,
    /// One slot at a time is given to an account, so that its bounds hold.
    giving: AccountSlot<Option<Arc<tokio::sync::Mutex<()>>>>,
    /// Bytes of all slots of this host, as of the last look and what was given since.
    used: AtomicU64,
    /// What a crash left has been looked for.
    looked: AtomicBool,
    /// Threads that wait for the disk.
    disk: Arc<Semaphore>,
}

/// What the operator may say.
#[derive(Clone)]
pub struct Options {
    /// What the addresses of files begin with, without a slash at the end, as `https://example.org:5281`; `None`: there is no upload.
    pub url: Option<String>,
    /// The largest file.
    pub file_bytes: u64,
    /// All files of one account.
    pub account_bytes: u64,
    /// What one account may upload in 24 hours.
    pub account_bytes_per_day: u64,
    /// How many files one account may have.
    pub account_files: u64,
    /// All files of a host; 0: as many as the disk holds.
    pub total_bytes: u64,
    /// How long a file is kept.
    pub keep_days: u64,
    /// How long a slot waits for its upload to begin.
    pub slot_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            url: None,
            file_bytes: 100 * 1024 * 1024,
            account_bytes: 10 * 1024 * 1024 * 1024,
            account_bytes_per_day: 1024 * 1024 * 1024,
            account_files: 2_000,
            total_bytes: 0,
            keep_days: 30,
            slot_s: 300,
        }
    }
}

impl Options {
    /// The largest file that any account can ever upload.
    fn largest(&self) -> u64 {
        self.file_bytes.min(self.account_bytes).min(self.account_bytes_per_day)
    }
}

/// Threads that may wait for the disk at a time.
const DISK: usize = 16;

impl Extension for Room {
    type Options = Options;
    const ABOUT: About = About::xep("upload", "HTTP File Upload", "XEP-0363", "1.2.0")
        .partly("of the purposes, \"message\" and \"ephemeral\"");

    fn configure(plan: &mut Plan, options: &Options) -> Result<Self, PlanError> {
        Ok(Room {
            options: options.clone(),
            giving: plan.per_account(|_, _| async { Ok(None) }, || None),
            used: AtomicU64::new(0),
            looked: AtomicBool::new(false),
            disk: Arc::new(Semaphore::new(DISK)),
        })
    }

    fn attach(on: &mut Attach<'_, Self>) {
        let room = on.extension();
        on.chore(Duration::from_secs(3_600), |room, hub, host| {
                Box::pin(sweep::all(room.clone(), hub.clone(), host))
            })
            .erase(|room, hub, account| Box::pin(sweep::erase(room.clone(), hub.clone(), account)));
        if room.options.url.is_none() {
            return;
        }
        on.route(path::PREFIX, |room, hub, request| room.clone().answer(hub.clone(), request))
            .open_service("upload", Identity { category: "store", kind: "file", name: "HTTP File Upload" })
            .feature(ns::HTTP_UPLOAD)
            .feature(ns::HTTP_UPLOAD_MESSAGE)
            .feature(ns::HTTP_UPLOAD_EPHEMERAL)
            .form(limits(room.options.largest()))
            .get::<slot::Wish>(slot::ask);
    }
}

impl Room {
    fn answer(self: Arc<Self>, hub: Hub, request: Request) -> Answering {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            match head.method.as_str() {
                "PUT" => put::put(&self, &hub, &head, body).await,
                "GET" | "HEAD" => download::download(&self, &hub, &head).await,
                "OPTIONS" => download::options(),
                _ => download::refuse(http::StatusCode::METHOD_NOT_ALLOWED),
            }
        })
    }

    /// Does work that waits for the disk on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, store::Error> {
        let room = self.disk.clone().acquire_owned().await.map_err(|_| store::Error::Closed)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(room);
            done
        });
        done.await.unwrap_or(Err(store::Error::Closed))
    }
}

/// What the service says of its bounds (§3, XEP-0128).
fn limits(file_bytes: u64) -> Element {
    let form = Builder::new(ns::DATA_FORM, "x").attr("type", "result");
    let form = form.open(ns::DATA_FORM, "field").attr("var", "FORM_TYPE").attr("type", "hidden");
    let form = form.text_child(ns::DATA_FORM, "value", ns::HTTP_UPLOAD).close();
    let form = form.open(ns::DATA_FORM, "field").attr("var", "max-file-size");
    form.text_child(ns::DATA_FORM, "value", &file_bytes.to_string()).close().finish()
}

/// Our own failure, logged.
fn fault(error: store::Error) -> xmpp::StanzaError {
    Fault::from(error).tell()
}
