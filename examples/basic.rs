//! What every client of 2000 did (the draft's 7.2): logs in, fetches the roster, shows itself, prints what it is told, and answers what it is asked.
//!
//!     cargo run -p yatter-examples --bin basic -- bob@localhost PASSWORD [SERVER:PORT]
//!
//! Each line that you type is `ADDRESS WORDS`; the end of input is the goodbye.

use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use examples::{Login, Mouth, Stream, answer, iq, not_implemented};
use xml::{Builder, Element};
use xmpp::{Timestamp, ns};

const RESOURCE: &str = "basic";

fn main() -> io::Result<()> {
    let login = Login::from_args()?;
    let mut stream = Stream::open(&login)?;
    stream.log_in(&login, RESOURCE)?;
    for contact in roster(&mut stream)? {
        println!("{contact}");
    }
    // From here on others see us, and what waited for us comes.
    let presence = Builder::new(ns::CLIENT, "presence");
    let presence = presence.text_child(ns::CLIENT, "status", "Online").text_child(ns::CLIENT, "priority", "0");
    stream.send(&presence.finish())?;
    println!("logged in as {}@{}/{RESOURCE}", login.user, login.host);

    let typed = Arc::new(Mutex::new(Instant::now()));
    let (mouth, typed_last) = (stream.mouth()?, typed.clone());
    thread::spawn(move || talk(mouth, &typed_last));
    while let Some(element) = stream.next()? {
        let idle_seconds = typed.lock().unwrap_or_else(PoisonError::into_inner).elapsed().as_secs();
        if let Some(answer) = hear(&element, idle_seconds) {
            stream.send(&answer)?;
        }
    }
    Ok(())
}

/// The contacts, one a line.
fn roster(stream: &mut Stream) -> io::Result<Vec<String>> {
    let result = stream.ask(&iq("get", "roster1").leaf(ns::ROSTER, "query").finish())?;
    let items = result.root().child(ns::ROSTER, "query").into_iter().flat_map(|query| query.children());
    let contact = |item: xml::Node<'_>| {
        let jid = item.attr("jid").unwrap_or_default();
        format!("contact {jid} ({})", item.attr("subscription").unwrap_or_default())
    };
    Ok(items.map(contact).collect())
}

/// Sends every line that is typed.
fn talk(mut mouth: Mouth, typed: &Mutex<Instant>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        *typed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if let Some((to, words)) = line?.split_once(' ') {
            let message = Builder::new(ns::CLIENT, "message").attr("to", to).attr("type", "chat");
            mouth.send(&message.text_child(ns::CLIENT, "body", words).finish())?;
        }
    }
    mouth.say_goodbye()
}

/// Prints what people say and do, and gives the answer to what programs ask.
fn hear(element: &Element, idle_seconds: u64) -> Option<Element> {
    let root = element.root();
    let from = root.attr("from").unwrap_or_default();
    let kind = root.attr("type").unwrap_or_default();
    match (root.name(), &*kind) {
        ("message", "error") => println!("{from} did not get it: {}", child_text(element, "error")),
        ("message", _) => println!("{from}: {}", child_text(element, "body")),
        ("presence", "") => println!("{from} is there {}", child_text(element, "status")),
        // A person decides who may see him; this program lets everybody.
        ("presence", "subscribe") => {
            return Some(Builder::new(ns::CLIENT, "presence").attr("type", "subscribed").attr("to", &from).finish());
        }
        ("presence", kind) => println!("{from} is {kind}"),
        ("iq", "get") => return Some(tell(element, idle_seconds)),
        ("iq", "set") if root.child(ns::ROSTER, "query").is_some() => return Some(answer(element, "result").finish()),
        ("iq", "set") => return Some(not_implemented(element)),
        _ => {}
    }
    None
}

/// What other programs ask of everybody: which program is this, what time is it there, since when is nobody at the keyboard?
fn tell(request: &Element, idle_seconds: u64) -> Element {
    let asked = request.root().first_child().map(|query| query.ns()).unwrap_or_default();
    let result = || answer(request, "result").open(asked, "query");
    match asked {
        ns::VERSION => {
            let query = result().text_child(ns::VERSION, "name", "basic");
            query.text_child(ns::VERSION, "version", env!("CARGO_PKG_VERSION")).close().finish()
        }
        ns::TIME_LEGACY => {
            let now = Timestamp::now();
            let query = result().text_child(ns::TIME_LEGACY, "utc", &now.legacy().to_string());
            let query = query.text_child(ns::TIME_LEGACY, "tz", "UTC");
            query.text_child(ns::TIME_LEGACY, "display", &now.to_string()).close().finish()
        }
        ns::LAST_ACTIVITY => result().attr("seconds", &idle_seconds.to_string()).close().finish(),
        _ => not_implemented(request),
    }
}

fn child_text(element: &Element, name: &str) -> String {
    element.root().child(ns::CLIENT, name).map(|child| child.text().into_owned()).unwrap_or_default()
}
