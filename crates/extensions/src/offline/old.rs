//! What senders of 2000 could wish for messages that have to wait: to be told (jabber:x:event), and an end of the waiting (jabber:x:expire).
use xml::{Builder, Node};
use xmpp::{Stanza, Timestamp, ns};

/// The seconds for which a message is good, if it says so. `Some(None)`: it says nonsense.
fn good_for(stanza: &Stanza) -> Option<Option<u32>> {
    if !stanza.names_namespace(ns::EXPIRE) {
        return None;
    }
    let expire = stanza.child(ns::EXPIRE, "x")?;
    Some(expire.attr("seconds").and_then(|seconds| seconds.trim().parse().ok()).filter(|seconds| *seconds > 0))
}

/// Whether a message may be stored at all.
pub(super) fn may_wait(stanza: &Stanza) -> bool {
    good_for(stanza).is_none_or(|seconds| seconds.is_some())
}

/// Counts down what a message has waited (XEP-0023 §3). `None`: its time is over, and nobody hears of it.
pub(super) fn expire(stanza: &mut Stanza, stored: Timestamp, now: Timestamp) -> Option<()> {
    let Some(seconds) = good_for(stanza) else { return Some(()) };
    let left = i64::from(seconds?) - (now.as_millis() - stored.as_millis()).max(0) / 1000;
    if left <= 0 {
        return None;
    }
    stanza.remove(|child| child.is(ns::EXPIRE, "x"));
    stanza.append(Builder::new(ns::EXPIRE, "x").attr("seconds", &left.to_string()).finish());
    Some(())
}

/// The notice that a message is stored, for a sender who asked for it (XEP-0022 §3.2). A message that bears an id inside is itself a notice.
pub(super) fn notice(stanza: &Stanza) -> Option<Stanza> {
    if !stanza.names_namespace(ns::EVENT) {
        return None;
    }
    let event = stanza.child(ns::EVENT, "x")?;
    let asked = event.child(ns::EVENT, "offline").is_some() && event.child(ns::EVENT, "id").is_none();
    let sender = stanza.from().filter(|_| asked)?;
    let id = stanza.id();
    let message = Builder::new(ns::CLIENT, "message").attr_opt("type", stanza.root().attr("type").as_deref());
    let message = message.attr_opt("id", id.as_deref()).open(ns::EVENT, "x").leaf(ns::EVENT, "offline");
    let mut notice = Stanza::made(message.text_child(ns::EVENT, "id", id.as_deref().unwrap_or("")).close().finish());
    notice.set_to(Some(sender.clone()));
    if let Some(receiver) = stanza.to() {
        notice.set_from(receiver.clone());
    }
    Some(notice)
}

/// The wish to be told of the waiting is fulfilled and goes no further (XEP-0022 §3); other wishes are for the receiver's client.
pub(super) fn forget_offline(stanza: &mut Stanza) {
    if !stanza.names_namespace(ns::EVENT) {
        return;
    }
    let asks = |child: Node<'_>| child.is(ns::EVENT, "x") && child.child(ns::EVENT, "offline").is_some();
    let Some(event) = stanza.child(ns::EVENT, "x").filter(|event| asks(*event)) else { return };
    let mut others = event.children().filter(|wish| !wish.is(ns::EVENT, "offline")).peekable();
    let rest = others.peek().is_some().then(|| others.fold(Builder::new(ns::EVENT, "x"), Builder::node).finish());
    stanza.remove(asks);
    rest.into_iter().for_each(|rest| stanza.append(rest));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(attributes: &str, children: &str) -> Stanza {
        let text = format!("<message from='romeo@h/desk' to='juliet@h' {attributes}>{children}</message>");
        Stanza::read(xml::Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn seconds_are_a_positive_number() {
        let rows = [("60", true), (" 60 ", true), ("0", false), ("-5", false), ("soon", false), ("", false), ("1.5", false)];
        for (seconds, may) in rows {
            let message = stanza("", &format!("<body>hi</body><x xmlns='jabber:x:expire' seconds='{seconds}'/>"));
            assert_eq!(may_wait(&message), may, "{seconds}");
        }
        assert!(!may_wait(&stanza("", "<x xmlns='jabber:x:expire'/>")));
        assert!(may_wait(&stanza("", "<body>hi</body>")));
    }

    #[test]
    fn who_asks_is_told_with_the_id_of_the_message() {
        let wish = "<x xmlns='jabber:x:event'><offline/><composing/></x>";
        let told = |attributes, children: &str| notice(&stanza(attributes, children)).map(|stanza| stanza.to_element());
        let notice = told("type='chat' id='m22'", &format!("<body>hi</body>{wish}")).unwrap();
        let expected = "<message from='juliet@h' to='romeo@h/desk' type='chat' id='m22'>\
                        <x xmlns='jabber:x:event'><offline/><id>m22</id></x></message>";
        assert_eq!(notice.as_str(), expected);
        let without = told("", wish).unwrap();
        assert!(without.as_str().ends_with("<offline/><id/></x></message>"), "{without}");
        assert_eq!(told("", "<x xmlns='jabber:x:event'><composing/></x>"), None);
        assert_eq!(told("", "<x xmlns='jabber:x:event'><offline/><id>m1</id></x>"), None);
        assert_eq!(told("", "<body>hi</body>"), None);
    }
}
