//! Where an HTTP check may lead: its URL, its redirects, and the addresses behind it (H1, H3, H4).
//!
//! The oracles know networks as text and numbers, and take URLs apart by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use healthgate::{
    checks::{DeniedDestination, DestinationPolicy},
    model::NewCheck,
    testing::hostile,
};
use ipnet::IpNet;
use url::{Host, Url};

use crate::input::Input;

/// Judges an address, a URL or a redirect, by the first byte.
///
/// Input of an address: a byte for its form, 4 or 16 bytes, the port (2 bytes), four lists of networks. Of a URL: its
/// text. Of a redirect: a byte for where it is from and one for credentials, then the header.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 3 {
        0 => address(&mut input),
        1 => {
            if let Ok(text) = std::str::from_utf8(input.rest()) {
                url(text);
            }
        }
        _ => redirect(&mut input),
    }
}

fn address(input: &mut Input<'_>) {
    let address = written_address(input);
    let port = input.one_of(&[0, 22, 80, 443, 5_432, 8_080, 65_535]) ^ u16::from(input.byte());
    let mut policy = DestinationPolicy { local_ports: Vec::new(), ..DestinationPolicy::default() };
    for _ in 0..input.byte() % 4 {
        policy.allowed.push(network(input));
    }
    for _ in 0..input.byte() % 4 {
        let port = input.one_of(&[None, Some(80), Some(443), Some(port)]);
        policy.also_denied.push(DeniedDestination { network: network(input), port });
    }
    let only = input.byte() % 4;
    policy.only = (only > 0).then(|| (1..only).map(|_| network(input)).collect());
    let judged = policy.judge(address, port).is_ok();
    assert_eq!(judged, may_reach(&policy, address, port), "{address} port {port}: {policy:?}");
}

/// An address of any kind, also one that holds another one.
fn written_address(input: &mut Input<'_>) -> IpAddr {
    let form = input.byte() % 10;
    if form == 0 {
        return Ipv4Addr::from(input.array::<4>()).into();
    }
    if form == 1 {
        return Ipv6Addr::from(input.array::<16>()).into();
    }
    let inner = Ipv4Addr::from(input.array::<4>());
    let [a, b, c, d] = inner.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let text = match form {
        2 => format!("::ffff:{inner}"),
        3 => format!("::{inner}"),
        4 => format!("64:ff9b::{inner}"),
        5 => format!("64:ff9b:1::{inner}"),
        6 => format!("::ffff:0:{inner}"),
        7 => format!("2002:{high:x}:{low:x}::1"),
        8 => format!("2001:db8::5efe:{inner}"),
        _ => format!("2001:db8::200:5efe:{inner}"),
    };
    text.parse().expect("a way to write an address")
}

fn network(input: &mut Input<'_>) -> IpNet {
    let address = written_address(input);
    let prefix = if address.is_ipv4() { input.byte() % 33 } else { input.byte() % 129 };
    IpNet::new(address, prefix).expect("a prefix of this length")
}

/// What nothing may reach unless it is allowed, in networks as people write them.
const SPECIAL: [&str; 17] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "192.0.0.0/24",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::/32",
    "fd00:42::/32",
    "fd00:c1::/32",
    "fd20:ce::/32",
    "2001::/32",
];

/// The ports of other protocols.
const DENIED_PORTS: [u16; 7] = [22, 25, 465, 587, 5_432, 6_379, 11_211];

/// The oracle: whether the policy lets a check connect.
fn may_reach(policy: &DestinationPolicy, address: IpAddr, port: u16) -> bool {
    let inner = inner_address(address).map(IpAddr::V4);
    let is_in = |network: &str| {
        std::iter::once(address).chain(inner).any(|address| lies_in(address, network))
    };
    let any = |networks: &[IpNet]| networks.iter().any(|network| is_in(&network.to_string()));
    let is_denied = policy.also_denied.iter().any(|denied| {
        (denied.port.is_none() || denied.port == Some(port)) && is_in(&denied.network.to_string())
    });
    if DENIED_PORTS.contains(&port) || is_denied {
        return false;
    }
    if policy.only.as_ref().is_some_and(|only| !any(only)) {
        return false;
    }
    any(&policy.allowed) || !SPECIAL.iter().any(|network| is_in(network))
}

/// Whether an address lies in a network, by its bits.
fn lies_in(address: IpAddr, network: &str) -> bool {
    let (base, length) = network.split_once('/').expect("a network");
    let (base, length) =
        (base.parse::<IpAddr>().expect("an address"), length.parse::<u32>().expect("a length"));
    let (address, base, size) = match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            (u128::from(address.to_bits()), u128::from(base.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => (address.to_bits(), base.to_bits(), 128),
        _ => return false,
    };
    let shift = size - length;
    shift == 128 || address >> shift == base >> shift
}

/// The IPv4 address within an IPv6 address, by the digits in which it is written out.
fn inner_address(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let digits = format!("{:032x}", address.to_bits());
    let from = |start: usize| {
        u32::from_str_radix(&digits[start..start + 8], 16).ok().map(Ipv4Addr::from_bits)
    };
    let last_of_eight = [
        "000000000000000000000000",
        "00000000000000000000ffff",
        "0064ff9b0000000000000000",
        "0000000000000000ffff0000",
    ];
    let is_isatap = matches!(&digits[16..24], "00005efe" | "02005efe");
    if last_of_eight.iter().any(|start| digits.starts_with(start))
        || digits.starts_with("0064ff9b0001")
        || is_isatap
    {
        from(24)
    } else if digits.starts_with("2002") {
        from(4)
    } else {
        None
    }
}

fn url(text: &str) {
    let built = NewCheck::http("name", text).build();
    let expected = refusal(text);
    let new = match built {
        Ok(new) => new,
        Err(violations) => {
            assert!(expected.is_some(), "{text:?} is refused: {violations}");
            return;
        }
    };
    assert_eq!(expected, None, "{text:?} is accepted");
    let http = new.definition.http().expect("an HTTP check");
    let shown = http.url.as_str();
    let again = NewCheck::http("name", shown).build().expect("what was written back is read again");
    assert_eq!(again.definition.http().expect("an HTTP check").url.as_str(), shown);
    let (scheme, host, port) = apart(shown);
    let origin = http.url.origin();
    assert_eq!((&*origin.scheme, &*origin.host, origin.port), (scheme, host, port), "{shown:?}");
    // What the system would take for an address must have been judged as one.
    match http.url.as_url().host() {
        Some(Host::Domain(name)) => {
            assert_eq!(loose_address(name), None, "{name:?} is asked for as a name");
            assert!(name.parse::<IpAddr>().is_err(), "{name:?}");
        }
        Some(Host::Ipv4(address)) => assert_eq!(host, address.to_string()),
        Some(Host::Ipv6(address)) => assert_eq!(host, format!("[{}]", written(address))),
        None => panic!("{shown:?} has no host"),
    }
    // A log shows the same whatever the query is.
    if let Some((front, _)) = shown.split_once('?') {
        let other = NewCheck::http("name", format!("{front}?x")).build().expect("as it was");
        let other = &other.definition.http().expect("an HTTP check").url;
        assert_eq!(format!("{:?}", http.url), format!("{other:?}"), "{shown:?} is logged");
    }
}

/// The address as it was read back.
fn written(address: Ipv6Addr) -> String {
    match Url::parse(&format!("http://[{address}]/")).expect("an address").host_str() {
        Some(host) => host.trim_matches(['[', ']']).to_owned(),
        None => String::new(),
    }
}

/// The oracle: why a text is no URL of a check, read as people read it.
fn refusal(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))
    else {
        return Some("scheme");
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let is_hidden = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\';
    if text.len() > 2_048 || text.chars().any(is_hidden) {
        return Some("letters");
    }
    if authority.is_empty() || authority.contains(['@', '%']) || text.contains('#') {
        return Some("authority");
    }
    let Ok(url) = Url::parse(text) else { return Some("the parser") };
    (url.as_str().len() > 2_048 || url.port() == Some(0)).then_some("what is written back")
}

/// Scheme, host and port of a URL that the parser wrote.
fn apart(url: &str) -> (&str, &str, u16) {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let end_of_host = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[end_of_host..].find(':') {
        Some(colon) => authority.split_at(end_of_host + colon),
        None => (authority, ""),
    };
    let default = if scheme == "https" { 443 } else { 80 };
    let port = port.strip_prefix(':').filter(|port| !port.is_empty());
    (scheme, host, port.map_or(default, |port| port.parse().expect("a port")))
}

/// The IPv4 address for which a system's resolver takes a text, as `inet_aton` reads it.
fn loose_address(text: &str) -> Option<u32> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let parts: Vec<u64> = text.split('.').map(loose_number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 8 * (4 - u32::try_from(leading.len()).ok()?);
    if *last >> room != 0 {
        return None;
    }
    let mut address = *last;
    for (place, part) in leading.iter().enumerate() {
        address |= part << (24 - 8 * place);
    }
    u32::try_from(address).ok()
}

fn loose_number(text: &str) -> Option<u64> {
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u64::from_str_radix(digits, base).ok()
}

fn redirect(input: &mut Input<'_>) {
    let from = input.one_of(&[
        "http://a.example/x/y?q",
        "https://a.example/",
        "http://a.example:8080/",
        "https://[2001:db8::1]:8443/x",
        "http://192.0.2.1/",
    ]);
    let has_credentials = input.is_set();
    let location = input.rest();
    let base = Url::parse(from).expect("a URL");
    let target = std::str::from_utf8(location).ok().and_then(|text| base.join(text).ok());
    let may =
        target.as_ref().is_some_and(|target| may_follow(from, target.as_str(), has_credentials));
    match hostile::redirect(&base, location, has_credentials) {
        Ok(url) => {
            assert!(may, "{from} leads to {url}");
            assert!(!url.as_str().contains('#'));
            assert!(may_follow(from, url.as_str(), has_credentials));
        }
        Err(words) => {
            assert!(!may, "{from} does not lead to {target:?}: {words}");
            // Scheme and host alone are shown.
            let shown = words.trim_start_matches("redirect to ");
            let shown = shown.split_once("://").map_or("", |(_, host)| host);
            assert!(!shown.contains(['/', '?', '#', '@']), "{words}");
        }
    }
}

/// The oracle: whether a check at one URL may be led to another one.
fn may_follow(from: &str, target: &str, has_credentials: bool) -> bool {
    let scheme = target.split(':').next();
    if !matches!(scheme, Some("http" | "https")) || !target.contains("://") {
        return false;
    }
    let authority = target.split_once("://").map_or("", |(_, rest)| rest);
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    if authority.contains('@') {
        return false;
    }
    let (here, there) = (apart(from), apart(target));
    let is_upgrade = here.0 == "http" && here.2 == 80 && there == ("https", here.1, 443);
    here == there || (is_upgrade && !has_credentials)
}
