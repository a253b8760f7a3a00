//! Stamps: XEP-0082 and the form of 2000.

use proptest::prelude::*;
use xmpp::Timestamp;

#[test]
fn reads_what_xep_0082_shows() {
    for (text, millis) in [
        ("1969-07-21T02:56:15Z", -14_159_025_000),
        ("1969-07-20T21:56:15-05:00", -14_159_025_000),
        ("2002-09-10T23:08:25Z", 1_031_699_305_000),
        ("2002-09-10T23:08:25.5Z", 1_031_699_305_500),
        ("2002-09-10T23:08:25.123999+00:00", 1_031_699_305_123),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("1998-12-31T23:59:60Z", 915_148_799_000),
    ] {
        assert_eq!(Timestamp::parse(text).map(Timestamp::as_millis), Some(millis), "{text}");
    }
}

#[test]
fn refuses_what_is_no_moment() {
    for text in [
        "",
        "2002-09-10",
        "2002-09-10T23:08:25",
        "2002-09-10T23:08:25.Z",
        "2002-13-10T23:08:25Z",
        "2002-02-29T00:00:00Z",
        "2002-09-10T24:00:00Z",
        "2002-09-10T23:60:00Z",
        "2002-09-10T23:08:61Z",
        "2002-09-10T23:08:25+15:00",
        "2002-09-10 23:08:25Z",
        "2002-09-10T23:08:25ZZ",
        "+002-09-10T23:08:25Z",
        "é002-09-10T23:08:25Z",
        "20020910T23:08:25",
    ] {
        assert_eq!(Timestamp::parse(text), None, "{text}");
    }
    for text in ["", "20020910T23:08:25Z", "2002-09-10T23:08:25", "20021310T23:08:25", "20020910T23:08"] {
        assert_eq!(Timestamp::parse_legacy(text), None, "{text}");
    }
}

#[test]
fn writes_both_forms() {
    let stamp = Timestamp::parse("2002-09-10T23:08:25.070Z").unwrap();
    assert_eq!(stamp.to_string(), "2002-09-10T23:08:25.070Z");
    assert_eq!(stamp.legacy().to_string(), "20020910T23:08:25");
    assert_eq!(Timestamp::parse_legacy("20020910T23:08:25").unwrap().to_string(), "2002-09-10T23:08:25Z");
    assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
}

proptest! {
    #[test]
    fn written_is_read_again(millis in -62_167_219_200_000i64..=253_402_300_799_999) {
        let stamp = Timestamp::from_millis(millis);
        prop_assert_eq!(Timestamp::parse(&stamp.to_string()), Some(stamp));
        let whole = Timestamp::from_millis(stamp.as_seconds() * 1000);
        prop_assert_eq!(Timestamp::parse_legacy(&stamp.legacy().to_string()), Some(whole));
    }

    #[test]
    fn no_text_breaks_the_reader(text in any::<String>()) {
        let _ = (Timestamp::parse(&text), Timestamp::parse_legacy(&text));
    }
}
