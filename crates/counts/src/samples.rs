//! What is sent: the stanzas that the budgets speak of.

/// The opening tag of a client of today.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream to='verona.example' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// The opening tag of a client of 2000.
pub(crate) const OLD_HEADER: &str = "<stream:stream to='verona.example' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// About 350 bytes: body, chat state, origin-id, receipt request.
pub(crate) const CHAT: &str = concat!(
    "<message to='juliet@verona.example/balcony' type='chat' id='b3a1c2d4-77'>",
    "<body>But, soft! what light through yonder window &amp; breaks? It is the east, Juliet the sun.</body>",
    "<active xmlns='http://jabber.org/protocol/chatstates'/>",
    "<origin-id xmlns='urn:xmpp:sid:0' id='b3a1c2d4-77'/><request xmlns='urn:xmpp:receipts'/>",
    "<thread>e0ffe42b2</thread></message>"
);

/// The same to the account instead of one of its sessions.
pub(crate) fn chat_to_account() -> String {
    CHAT.replace("/balcony", "")
}

/// A chat message with a body so long that all of it has about this many bytes.
pub(crate) fn long_chat(bytes: usize) -> String {
    let line = "The brightness of her cheek would shame those stars, as daylight doth a lamp. ";
    let more: String = line.chars().cycle().take(bytes.saturating_sub(CHAT.len())).collect();
    CHAT.replace("</body>", &format!("{more}</body>"))
}

/// What a client of today says of itself.
pub(crate) const PRESENCE: &str = concat!(
    "<presence id='p-17'><show>away</show><status>I shall return from exile</status><priority>5</priority>",
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>",
    "<x xmlns='vcard-temp:x:update'><photo>sha1-hash-of-image</photo></x></presence>"
);

/// An Atom entry that is told to a subscriber, 1,650 bytes.
pub(crate) const PUBSUB: &str = concat!(
    "<message from='pubsub.verona.example' to='juliet@verona.example/balcony' id='foo' type='headline'>",
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='princely_musings'>",
    "<item id='ae890ac52d0df67ed7cfdf51b644e901' publisher='hamlet@denmark.example'>",
    "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'>",
    "<title type='text'>Soliloquy</title><author><name>Hamlet, Prince of Denmark</name>",
    "<uri>xmpp:hamlet@denmark.example</uri></author><summary type='text'>To be, or not to be: that is the question: ",
    "Whether 'tis nobler in the mind to suffer The slings and arrows of outrageous fortune, Or to take arms against a ",
    "sea of troubles, And by opposing end them?</summary>",
    "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p class='first'>To die: to sleep; No more; and ",
    "by a sleep to say we end <em>The heart-ache</em> and the thousand natural shocks That flesh is heir to, &#8217;tis ",
    "a consummation Devoutly to be wish&apos;d. To die, to sleep;</p><p>To sleep: perchance to dream: ay, there&apos;s ",
    "the rub; For in that sleep of death what dreams may come When we have shuffled off this mortal coil, Must give us ",
    "pause: there&apos;s the respect</p></div></content>",
    "<link rel='alternate' type='text/html' href='http://denmark.example/2003/12/13/atom03?a=1&amp;b=2'/>",
    "<link rel='replies' thr:count='3' href='xmpp:pubsub.verona.example?;node=princely_musings/comments'/>",
    "<id>tag:denmark.example,2003:entry-32397</id><published>2003-12-13T18:30:02Z</published>",
    "<updated>2003-12-13T18:30:02Z</updated></entry></item></items></event>",
    "<delay xmlns='urn:xmpp:delay' stamp='2003-12-13T23:58:37Z'/></message>"
);

/// A message that waited for its receiver.
pub(crate) const DELAYED: &str = concat!(
    "<message from='romeo@verona.example/orchard' to='juliet@verona.example' type='chat' id='b3a1c2d4-77'>",
    "<body>But, soft! what light through yonder window &amp; breaks?</body>",
    "<active xmlns='http://jabber.org/protocol/chatstates'/>",
    "<delay xmlns='urn:xmpp:delay' from='verona.example' stamp='2002-09-10T23:08:25Z'>Offline Storage</delay></message>"
);

/// The answer to a question that nobody answers.
pub(crate) const REFUSED: &str = concat!(
    "<iq from='juliet@verona.example' to='romeo@verona.example/orchard' type='error' id='q1'>",
    "<query xmlns='jabber:iq:browse'/><error type='cancel' code='503'>",
    "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
);

/// The roster of somebody with so many contacts, as it is sent.
pub(crate) fn roster(contacts: usize) -> String {
    let item = |number: usize| {
        format!(
            "<item jid='contact{number}@verona.example' name='Friend &amp; {number}' subscription='both'>\
             <group>Friends</group></item>"
        )
    };
    let items: String = (0..contacts).map(item).collect();
    format!(
        "<iq to='romeo@verona.example/orchard' type='result' id='r1'><query xmlns='jabber:iq:roster' ver='17'>{items}</query></iq>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_budgets() {
        assert!((345..=355).contains(&CHAT.len()), "{}", CHAT.len());
        assert!((2040..=2060).contains(&long_chat(2048).len()), "{}", long_chat(2048).len());
        assert!((1640..=1660).contains(&PUBSUB.len()), "{}", PUBSUB.len());
    }
}
