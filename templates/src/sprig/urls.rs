//! URLs, taken apart and put together as Go's `net/url` does.

use std::net::Ipv6Addr;

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::go::search::{find, rfind};
use crate::value::{Map, MapKind, Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Type::Str], parse_url),
    Function::new("urlJoin", &[Type::Map(MapKind::Any)], join_url),
];

/// Which characters are escaped, by the part of the URL they are in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    UserInfo,
    Host,
    Zone,
    Fragment,
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

fn parse_url(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = a[0].bytes();
    cx.meter.reserve(text.len() * 8)?;
    cx.meter.handle(text.len() * 8)?;
    let url = parse(text)?;
    let user = url.user.as_ref().map(user_text).unwrap_or_default();
    let hostname = hostname(&url.host).to_vec();
    let entries = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", user),
    ];
    let entries = entries
        .into_iter()
        .map(|(key, value)| (key.into(), Value::str(value)));
    Ok(Value::Map(Map::from_entries(MapKind::Any, entries)))
}

fn join_url(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let Value::Map(dict) = &a[0] else {
        return fail("a dict is needed");
    };
    let entry = |key: &str| match dict.get(key.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Str(text)) => Ok(text.to_vec()),
        Some(other) => fail(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind_name()
        )),
    };
    let mut url = Url {
        scheme: entry("scheme")?,
        host: entry("host")?,
        path: entry("path")?,
        query: entry("query")?,
        opaque: entry("opaque")?,
        fragment: entry("fragment")?,
        user: None,
    };
    let user = entry("userinfo")?;
    let total = url.path.len() + url.fragment.len() + user.len() + url.host.len();
    cx.meter
        .reserve(total * 4 + url.query.len() + url.opaque.len() + url.scheme.len())?;
    cx.meter.handle(total * 4)?;
    if !user.is_empty() {
        url.user = parse(&[b"proto://", user.as_slice(), b"@host"].concat())?.user;
    }
    Ok(Value::str(to_text(&url)))
}

fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == at) {
        Some(i) => (&text[..i], &text[i + 1..]),
        None => (text, &[]),
    }
}

/// `url.Parse`.
fn parse(text: &[u8]) -> Result<Url, Fault> {
    let (whole, fragment) = cut(text, b'#');
    let mut url = parse_without_fragment(whole)?;
    url.fragment = unescape(fragment, Part::Fragment)?;
    Ok(url)
}

fn parse_without_fragment(text: &[u8]) -> Result<Url, Fault> {
    if text.iter().any(|b| b.is_ascii_control()) {
        return fail("invalid control character in URL");
    }
    let mut url = Url::default();
    if text == b"*" {
        url.path = text.to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.query = query.to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return fail("first path segment in URL cannot contain colon");
        }
    }
    if (!url.scheme.is_empty() || !rest.starts_with(b"///")) && rest.starts_with(b"//") {
        let authority = &rest[2..];
        let end = authority
            .iter()
            .position(|&b| b == b'/')
            .unwrap_or(authority.len());
        parse_authority(&mut url, &authority[..end])?;
        rest = &authority[end..];
    }
    url.path = unescape(rest, Part::Path)?;
    Ok(url)
}

fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return fail("missing protocol scheme"),
            b':' => return Ok((&text[..i], &text[i + 1..])),
            _ => break,
        }
    }
    Ok((&[], text))
}

fn parse_authority(url: &mut Url, authority: &[u8]) -> Result<(), Fault> {
    let at = rfind(authority, b"@");
    url.host = parse_host(at.map_or(authority, |at| &authority[at + 1..]))?;
    let Some(at) = at else { return Ok(()) };
    let user = &authority[..at];
    if !user
        .iter()
        .all(|&b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b))
    {
        return fail("invalid userinfo");
    }
    url.user = Some(match user.iter().position(|&b| b == b':') {
        None => (unescape(user, Part::UserInfo)?, None),
        Some(colon) => (
            unescape(&user[..colon], Part::UserInfo)?,
            Some(unescape(&user[colon + 1..], Part::UserInfo)?),
        ),
    });
    Ok(())
}

fn parse_host(host: &[u8]) -> Result<Vec<u8>, Fault> {
    match rfind(host, b"[") {
        Some(1..) => return fail("invalid IP-literal"),
        Some(_) => {
            let Some(close) = rfind(host, b"]") else {
                return fail("missing ']' in host");
            };
            let port = &host[close + 1..];
            if !valid_port(port) {
                return fail("invalid port after host");
            }
            let port = unescape(port, Part::Host)?;
            let name = &host[1..close];
            let name = match find(name, b"%25") {
                Some(zone) => {
                    let mut all = unescape(&name[..zone], Part::Host)?;
                    all.extend(unescape(&name[zone..], Part::Zone)?);
                    all
                }
                None => unescape(name, Part::Host)?,
            };
            if !is_ipv6(&name) {
                return fail("invalid host");
            }
            return Ok([b"[", name.as_slice(), b"]", &port].concat());
        }
        None => {}
    }
    // Go 1.26 refuses more than one colon in http URLs, but not in programs whose go.mod is older,
    // as the reference's is: what it rendered must go on rendering.
    if let Some(last) = rfind(host, b":")
        && !valid_port(&host[last..])
    {
        return fail("invalid port after host");
    }
    unescape(host, Part::Host)
}

/// An IPv6 address, with or without a zone.
fn is_ipv6(text: &[u8]) -> bool {
    let (address, zone) = match text.iter().position(|&b| b == b'%') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let address = std::str::from_utf8(address)
        .ok()
        .and_then(|t| t.parse::<Ipv6Addr>().ok());
    address.is_some() && zone.is_none_or(|zone| !zone.is_empty())
}

fn valid_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

fn hostname(host: &[u8]) -> &[u8] {
    let mut name = host;
    if let Some(colon) = rfind(name, b":")
        && valid_port(&name[colon..])
    {
        name = &name[..colon];
    }
    match name {
        [b'[', inner @ .., b']'] => inner,
        _ => name,
    }
}

fn must_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    let kept: &[u8] = match part {
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"",
        Part::Path => b"$&+,/:;=@",
        Part::UserInfo => b"$&+,;=",
        Part::Fragment => b"$&+,/:;=?@!()*",
    };
    !kept.contains(&byte)
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        if byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte < 0x80 && must_escape(byte, part) {
                return fail("invalid character in host name");
            }
            out.push(byte);
            rest = &rest[1..];
            continue;
        }
        let digit = |i: usize| rest.get(i).and_then(|&b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(1), digit(2)) else {
            return fail("invalid URL escape");
        };
        let value = (high << 4 | low) as u8;
        let percent = rest.starts_with(b"%25");
        if part == Part::Host && high < 8 && !percent {
            return fail("invalid URL escape");
        }
        if part == Part::Zone && !percent && value != b' ' && must_escape(value, Part::Host) {
            return fail("invalid URL escape");
        }
        out.push(value);
        rest = &rest[3..];
    }
    Ok(out)
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if must_escape(byte, part) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

fn user_text((name, password): &(Vec<u8>, Option<Vec<u8>>)) -> Vec<u8> {
    let mut out = escape(name, Part::UserInfo);
    if let Some(password) = password {
        out.push(b':');
        out.extend(escape(password, Part::UserInfo));
    }
    out
}

/// `URL.String`.
fn to_text(url: &Url) -> Vec<u8> {
    let mut out = Vec::new();
    if !url.scheme.is_empty() {
        out.extend_from_slice(&url.scheme);
        out.push(b':');
    }
    if !url.opaque.is_empty() {
        out.extend_from_slice(&url.opaque);
    } else {
        let user = url.user.is_some();
        if (!url.scheme.is_empty() || !url.host.is_empty() || user)
            && (!url.host.is_empty() || !url.path.is_empty() || user)
        {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &url.user {
            out.extend(user_text(user));
            out.push(b'@');
        }
        out.extend(escape(&url.host, Part::Host));
        let path = if url.path == b"*" {
            b"*".to_vec()
        } else {
            escape(&url.path, Part::Path)
        };
        if !path.is_empty() && path[0] != b'/' && !url.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
    if !url.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(&url.query);
    }
    if !url.fragment.is_empty() {
        out.push(b'#');
        out.extend(escape(&url.fragment, Part::Fragment));
    }
    out
}
