//! The player plays scenes that are wrong, and says so: a test that cannot fail proves nothing.

use super::Ending;
use crate::harness::perform;
use crate::scene::parse;
use crate::stage::{Form, InProcess};

/// Plays steps of Romeo and Juliet, who are there; the report if they end badly.
fn played(steps: &str) -> Option<String> {
    let cast = "# A sentence.   RFC 6121\ncast\n  Romeo   romeo@verona.example/desk\n  \
                Juliet  juliet@verona.example/balcony\n";
    let scene = parse("test", &format!("{cast}{steps}")).unwrap().remove(0);
    match perform::<InProcess>(&Form::Alone, &scene).unwrap() {
        Ending::Well => None,
        Ending::Badly(report) => Some(report.whole),
        Ending::LeftOut(why) => panic!("left out: {why}"),
    }
}

const MESSAGE: &str = "Romeo sends\n  <message to='{Juliet}'><body>What light?</body></message>\n";

fn assert_reports(steps: &str, wanted: &[&str]) {
    let report = played(steps).unwrap_or_else(|| panic!("this should not end well:\n{steps}"));
    for wanted in wanted {
        assert!(report.contains(wanted), "{wanted:?} is not in\n{report}");
    }
}

#[test]
fn what_is_right_ends_well() {
    let receives = "Juliet receives\n  <message from='{Romeo}' to='{Juliet}'><body>What light?</body></message>\n";
    assert_eq!(played(&format!("{MESSAGE}{receives}nobody receives anything\n")), None);
}

#[test]
fn another_stanza_is_told_with_both_sides() {
    let receives = "Juliet receives\n  <message from='{Romeo}' to='{Juliet}'><body>What sun?</body></message>\n";
    assert_reports(
        &format!("{MESSAGE}{receives}"),
        &[
            ">>   7 | Juliet receives",
            "in message/body: the text should be \"What sun?\", is \"What light?\"",
            "  ≠   <body>What sun?</body>",
            "    Romeo  → <message to='juliet@verona.example/balcony'>",
            "    Juliet ← <message from=\"romeo@verona.example/desk\"",
        ],
    );
}

#[test]
fn nothing_is_not_enough() {
    assert_reports("Juliet receives\n  <presence/>\n", &["Juliet received nothing"]);
}

#[test]
fn something_is_not_nothing() {
    assert_reports(&format!("{MESSAGE}Juliet receives nothing\n"), &["line 7: Juliet received <message"]);
    assert_reports(&format!("{MESSAGE}nobody receives anything\n"), &["line 7: Juliet received <message"]);
}

#[test]
fn what_is_not_told_is_told_at_the_end() {
    assert_reports(MESSAGE, &["Juliet received <message"]);
    assert_reports("Romeo types\n  </stream:stream>\n", &["Romeo received </stream:stream>"]);
}

#[test]
fn others_between_are_not_forgotten() {
    let two = format!("{MESSAGE}{}", MESSAGE.replace("What light?", "Again!"));
    let among =
        "Juliet receives, among others\n  <message from='{Romeo}' to='{Juliet}'><body>Again!</body></message>\n";
    assert_reports(&format!("{two}{among}"), &["Juliet received <message", "What light?"]);
    assert_eq!(played(&format!("{two}{among}Juliet ignores what came\n")), None);
}

#[test]
fn a_disconnection_must_be_told() {
    assert_reports("Romeo types\n  </stream:stream>\nRomeo reads\n  </stream:stream>\n", &["Romeo was disconnected"]);
    assert_reports("Romeo is disconnected\n", &["Romeo is still connected"]);
    assert_eq!(played("Romeo closes the stream\nRomeo is disconnected\n"), None);
}

#[test]
fn an_unknown_name_cannot_be_sent() {
    assert_reports("Romeo sends\n  <message to='{Rosaline}'/>\n", &["nothing is known as {Rosaline} yet"]);
}

#[test]
fn other_bytes_are_shown() {
    let reads = "Juliet reads\n  <message to='{any}'>\n";
    assert_reports(&format!("{MESSAGE}{reads}"), &["Juliet read other bytes", "What light?</body></message>"]);
}

#[test]
fn captures_hold_through_the_scene() {
    let capture = "Juliet receives\n  <message from='{who}' to='{Juliet}'><body>What light?</body></message>\n";
    let again = "Juliet sends\n  <message to='{who}'/>\nRomeo receives\n  <message from='{who}' to='{Romeo}'/>\n";
    assert_reports(&format!("{MESSAGE}{capture}{again}"), &["from should be \"romeo@verona.example/desk\""]);
}

#[test]
fn a_key_that_is_none_is_told() {
    assert_reports("given\n  bananas is 3\nRomeo receives nothing\n", &["bananas cannot be 3"]);
}
