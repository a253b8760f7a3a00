//! Moments in UTC, as Jabber writes them: XEP-0082 today, digits without signs in 2000.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: i64 = 86_400_000;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first millisecond of the year 0.
    const FIRST: i64 = -62_167_219_200_000;
    /// The last millisecond of the year 9999: four digits are all that the formats have.
    const LAST: i64 = 253_402_300_799_999;

    /// The moment this many milliseconds after 1970 began; outside the years 0 to 9999, the nearest inside.
    pub const fn from_millis(millis: i64) -> Timestamp {
        if millis < Timestamp::FIRST {
            Timestamp(Timestamp::FIRST)
        } else if millis > Timestamp::LAST {
            Timestamp(Timestamp::LAST)
        } else {
            Timestamp(millis)
        }
    }

    /// Milliseconds since 1970 began.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// What the machine's clock says.
    pub fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reads `2002-09-10T23:08:25Z`, with any fraction of a second and any zone offset (XEP-0082 §3.2).
    pub fn parse(text: &str) -> Option<Timestamp> {
        let mut rest = Digits(text.as_bytes());
        let (year, month, day) = (rest.number(4)?, rest.after(b'-', 2)?, rest.after(b'-', 2)?);
        let clock = rest.expect(b'T').and_then(|()| rest.clock())?;
        let fraction = rest.fraction()?;
        let zone = rest.zone()?;
        rest.end()?;
        Timestamp::from_civil(year, month, day, clock + fraction - zone)
    }

    /// Reads `20020910T23:08:25`, always UTC (`jabber:x:delay` and `jabber:iq:time`, XEP-0082 §2).
    pub fn parse_legacy(text: &str) -> Option<Timestamp> {
        let mut rest = Digits(text.as_bytes());
        let (year, month, day) = (rest.number(4)?, rest.number(2)?, rest.number(2)?);
        let clock = rest.expect(b'T').and_then(|()| rest.clock())?;
        rest.end()?;
        Timestamp::from_civil(year, month, day, clock)
    }

    /// Writes `20020910T23:08:25`; fractions of a second are lost.
    pub fn legacy(self) -> impl fmt::Display {
        Legacy(self)
    }

    /// What is displayed.
    pub(crate) fn text(self) -> Text {
        let civil = self.civil();
        let mut text = Text::default();
        text.number(civil.year, 4).sign(b'-').number(civil.month, 2).sign(b'-').number(civil.day, 2).clock(civil.ms);
        match civil.ms % 1000 {
            0 => {}
            ms => drop(text.sign(b'.').number(ms, 3)),
        }
        text.sign(b'Z');
        text
    }

    fn legacy_text(self) -> Text {
        let civil = self.civil();
        let mut text = Text::default();
        text.number(civil.year, 4).number(civil.month, 2).number(civil.day, 2).clock(civil.ms);
        text
    }

    /// Appends what [`Timestamp::legacy`] writes.
    pub(crate) fn write_legacy(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.legacy_text().as_str().as_bytes());
    }

    fn from_civil(year: i64, month: i64, day: i64, ms_of_day: i64) -> Option<Timestamp> {
        let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        valid.then(|| Timestamp::from_millis(days_before(year, month, day) * DAY_MS + ms_of_day))
    }

    fn civil(self) -> Civil {
        let (year, month, day) = date_of(self.0.div_euclid(DAY_MS));
        Civil { year, month, day, ms: self.0.rem_euclid(DAY_MS) }
    }
}

/// The form of XEP-0082; milliseconds appear only when there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

struct Legacy(Timestamp);

impl fmt::Display for Legacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.legacy_text().as_str())
    }
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    ms: i64,
}

/// A moment that is being written, digit by digit: every message that had to wait bears one, or two.
#[derive(Default)]
pub(crate) struct Text {
    bytes: [u8; 24],
    len: usize,
}

impl Text {
    fn sign(&mut self, sign: u8) -> &mut Text {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = sign;
            self.len += 1;
        }
        self
    }

    /// The last so many digits of a number that is not negative.
    fn number(&mut self, mut number: i64, digits: usize) -> &mut Text {
        let end = self.len + digits;
        for place in self.bytes.get_mut(self.len..end).unwrap_or_default().iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.len = end.min(self.bytes.len());
        self
    }

    /// `Thh:mm:ss`
    fn clock(&mut self, ms: i64) -> &mut Text {
        let seconds = ms / 1000;
        self.sign(b'T').number(seconds / 3600, 2).sign(b':').number(seconds / 60 % 60, 2).sign(b':');
        self.number(seconds % 60, 2)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// What is left of a text that is read digit by digit.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let digit = |value: i64, byte: &u8| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'));
        head.iter().try_fold(0, digit)
    }

    fn expect(&mut self, sign: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        (first == sign).then_some(())
    }

    fn after(&mut self, sign: u8, digits: usize) -> Option<i64> {
        self.expect(sign)?;
        self.number(digits)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// `hh:mm:ss` in milliseconds. A leap second counts as the one before it.
    fn clock(&mut self) -> Option<i64> {
        let (hour, minute, second) = (self.number(2)?, self.after(b':', 2)?, self.after(b':', 2)?);
        let valid = hour < 24 && minute < 60 && second <= 60;
        valid.then(|| ((hour * 60 + minute) * 60 + second.min(59)) * 1000)
    }

    /// `.123456`, if there, in whole milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.expect(b'.')?;
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let place = |ms: i64, (byte, weight): (&u8, i64)| ms + i64::from(byte - b'0') * weight;
        (!digits.is_empty()).then(|| digits.iter().zip([100, 10, 1]).fold(0, place))
    }

    /// `Z`, `+hh:mm` or `-hh:mm`, in milliseconds east of Greenwich.
    fn zone(&mut self) -> Option<i64> {
        let (&sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let direction = match sign {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = (self.number(2)?, self.after(b':', 2)?);
        (hours <= 14 && minutes < 60).then(|| direction * (hours * 60 + minutes) * 60_000)
    }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this date. Years are counted from March, so that the leap day is the last of its year,
/// in eras of 400 years, which all have 146,097 days.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day counted from 1970-01-01: [`days_before`] backwards.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + years + i64::from(month <= 2), month, day)
}
