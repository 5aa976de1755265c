//! Go's layouts: the reference time `Mon Jan 2 15:04:05 MST 2006`, split into its elements.

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(Offset),
    /// Digits, the separator, and whether trailing zeros are dropped.
    Fraction {
        digits: usize,
        separator: u8,
        trim: bool,
    },
}

/// The form of a numeric zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z` for UTC.
    pub(super) zulu: bool,
    pub(super) colons: bool,
    /// 1 for hours, 2 with minutes, 3 with seconds.
    pub(super) parts: u8,
}

/// The text before the first element, the element, and what follows.
pub(super) fn next(layout: &[u8]) -> (&[u8], Option<(Element, usize)>, &[u8]) {
    for i in 0..layout.len() {
        let rest = &layout[i..];
        if let Some((element, skip, len)) = element(rest) {
            let text = &rest[skip..skip + len];
            return (
                &layout[..i + skip],
                Some((element, text.len())),
                &rest[skip + len..],
            );
        }
    }
    (layout, None, &[])
}

/// The element at the start of `rest`: how far in it begins, and its length.
fn element(rest: &[u8]) -> Option<(Element, usize, usize)> {
    let at = |element, len| Some((element, 0, len));
    match rest[0] {
        b'J' if rest.starts_with(b"January") => at(Element::LongMonth, 7),
        b'J' if rest.starts_with(b"Jan") && !lower(rest, 3) => at(Element::Month, 3),
        b'M' if rest.starts_with(b"Monday") => at(Element::LongWeekday, 6),
        b'M' if rest.starts_with(b"Mon") && !lower(rest, 3) => at(Element::Weekday, 3),
        b'M' if rest.starts_with(b"MST") => at(Element::ZoneName, 3),
        b'0' => match rest.get(1)? {
            b'1' => at(Element::ZeroMonth, 2),
            b'2' => at(Element::ZeroDay, 2),
            b'3' => at(Element::ZeroHour12, 2),
            b'4' => at(Element::ZeroMinute, 2),
            b'5' => at(Element::ZeroSecond, 2),
            b'6' => at(Element::Year, 2),
            b'0' if rest.get(2) == Some(&b'2') => at(Element::ZeroYearDay, 3),
            _ => None,
        },
        b'1' if rest.get(1) == Some(&b'5') => at(Element::Hour, 2),
        b'1' => at(Element::NumMonth, 1),
        b'2' if rest.starts_with(b"2006") => at(Element::LongYear, 4),
        b'2' => at(Element::Day, 1),
        b'_' if rest.starts_with(b"_2006") => Some((Element::LongYear, 1, 4)),
        b'_' if rest.starts_with(b"_2") => at(Element::UnderDay, 2),
        b'_' if rest.starts_with(b"__2") => at(Element::UnderYearDay, 3),
        b'3' => at(Element::Hour12, 1),
        b'4' => at(Element::Minute, 1),
        b'5' => at(Element::Second, 1),
        b'P' if rest.starts_with(b"PM") => at(Element::UpperPm, 2),
        b'p' if rest.starts_with(b"pm") => at(Element::LowerPm, 2),
        b'-' => offset(rest, false),
        b'Z' => offset(rest, true),
        b'.' | b',' => fraction(rest),
        _ => None,
    }
}

fn offset(rest: &[u8], zulu: bool) -> Option<(Element, usize, usize)> {
    let body = &rest[1..];
    let forms: [(&[u8], bool, u8); 5] = [
        (b"070000", false, 3),
        (b"07:00:00", true, 3),
        (b"0700", false, 2),
        (b"07:00", true, 2),
        (b"07", false, 1),
    ];
    let (text, colons, parts) = forms
        .into_iter()
        .find(|(text, ..)| body.starts_with(text))?;
    Some((
        Element::Offset(Offset {
            zulu,
            colons,
            parts,
        }),
        0,
        text.len() + 1,
    ))
}

fn fraction(rest: &[u8]) -> Option<(Element, usize, usize)> {
    let digit = *rest.get(1)?;
    if digit != b'0' && digit != b'9' {
        return None;
    }
    let digits = rest[1..].iter().take_while(|&&b| b == digit).count();
    if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((
        Element::Fraction {
            digits,
            separator: rest[0],
            trim: digit == b'9',
        },
        0,
        1 + digits,
    ))
}

fn lower(rest: &[u8], at: usize) -> bool {
    rest.get(at).is_some_and(u8::is_ascii_lowercase)
}
