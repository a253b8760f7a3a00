//! Nobody learns from where another is connected.

use std::net::Ipv4Addr;

use crate::client::Client;
use crate::stage::Stage;

/// T-5.3.1: among everything that a second user is told, by presence, answers, errors, stored messages and the end, is no address of the first.
#[test]
fn no_address_of_a_client_reaches_another() {
    let stage = Stage::new();
    assert_eq!((stage.add("amy@localhost").code, stage.add("bob@localhost").code), (0, 0));
    let _server = stage.serve();
    let home = Ipv4Addr::new(127, 0, 77, 99);
    let mut amy = Client::connect_from(home, stage.port);
    amy.log_in("amy", "secret", "pc");
    let mut bob = Client::connect(stage.port);
    bob.log_in("bob", "secret", "pc");
    bob.say("<presence/>");
    amy.say(
        "<presence><status>here</status></presence><presence to='bob@localhost/pc'/>\
         <presence type='subscribe' to='bob@localhost'/><presence type='subscribed' to='bob@localhost'/>\
         <message to='bob@localhost'><body>hi</body></message>\
         <iq type='get' id='v' to='bob@localhost/pc'><query xmlns='jabber:iq:version'/></iq>\
         <iq type='get' id='synced' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    amy.hear("id='synced'");
    let mut questions = String::from("<presence type='subscribe' to='amy@localhost'/>");
    for (to, query) in [
        ("amy@localhost/pc", "<query xmlns='jabber:iq:version'/>"),
        ("amy@localhost", "<query xmlns='jabber:iq:last'/>"),
        ("amy@localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
        ("amy@localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
        ("amy@localhost", "<query xmlns='jabber:iq:browse'/>"),
        ("localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
        ("localhost", "<query xmlns='jabber:iq:last'/>"),
        ("localhost", "<query xmlns='jabber:mod_admin:who'/>"),
    ] {
        questions.push_str(&format!("<iq type='get' id='q' to='{to}'>{query}</iq>"));
    }
    bob.say(&questions);
    amy.hear("jabber:iq:version");
    amy.say("<iq type='error' id='q' to='bob@localhost/pc'><error type='cancel'/></iq>");
    amy.say("<presence type='subscribed' to='bob@localhost'/><nonsense/>");
    amy.hear_out();
    bob.say("<presence type='unavailable'/>");
    let mut again = Client::connect_from(home, stage.port);
    again.log_in("amy", "secret", "pc");
    again.say("<presence/><message to='bob@localhost'><body>later</body></message>");
    again.say("<iq type='get' id='synced' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    again.hear("id='synced'");
    bob.say("<presence/><iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    let mut heard = bob.hear("<body>later</body>");
    bob.say("</stream:stream>");
    heard.push_str(&bob.hear_out().0);
    for told in ["<status>here</status>", "<body>hi</body>", "jabber:iq:last", "type='unavailable'", "Offline Storage"]
    {
        assert!(heard.contains(told), "{told} is not in {heard}");
    }
    assert!(!heard.contains(&home.to_string()), "{heard}");
}
