//! Sealed passwords, canaries and key files: what was not sealed here does not open (F79 to F82).

use healthgate::{
    crypto::{Canary, InstallId, Key, KeyId, KeyRing, OpenCause, SealContext, Sealer, key_id_of},
    model::{CheckId, HostId, Origin, Password, SealedSecret},
    testing::hostile,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::input::Input;

/// Opens what others stored, or what was sealed here and then changed, by the first byte.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 4 {
        0 => stored(&mut input),
        1 => sealed(&mut input),
        2 => canary(&mut input),
        _ => key_file(&mut input),
    }
}

fn key(byte: u8) -> Key {
    Key::from_bytes(Zeroizing::new([byte; Key::BYTES]))
}

/// A row that somebody else wrote. Its author may know the id of the key.
fn stored(input: &mut Input<'_>) {
    let ring =
        KeyRing::new(key(1)).with_decrypt_only(key(2)).with_unbound_envelopes(input.is_set());
    let format = input.one_of(&[SealedSecret::BOUND, SealedSecret::UNBOUND, 2, -1, i16::MAX]);
    let knows_key = input.byte() % 3;
    let context = context(input);
    let nonce = input.short().to_vec();
    let mut ciphertext = input.rest().to_vec();
    if knows_key > 0 && ciphertext.len() > 8 {
        ciphertext[0] = 1;
        ciphertext[1..9].copy_from_slice(key(knows_key).id().as_bytes());
    }
    let row = SealedSecret { format, nonce, ciphertext };
    let error = ring.open(&context, &row).expect_err("nobody has sealed this");
    let is_old = format == SealedSecret::UNBOUND;
    let named = key_id_of(&row);
    let length = row.ciphertext.len();
    let is_sound = format == SealedSecret::BOUND
        && row.ciphertext.first() == Some(&1)
        && (1..=17).any(|blocks| length == 1 + 8 + 64 * blocks + 16);
    assert_eq!(named.is_some(), is_sound, "{length} bytes in format {format}");
    let expected: &[OpenCause] = match named {
        None if is_old => &[OpenCause::AuthFailed, OpenCause::BadNonce, OpenCause::BadEnvelope],
        None => &[OpenCause::BadEnvelope],
        Some(id) if ![key(1).id(), key(2).id()].contains(&id) => &[OpenCause::UnknownKeyId],
        Some(_) if row.nonce.len() != 12 => &[OpenCause::BadNonce],
        Some(_) => &[OpenCause::AuthFailed],
    };
    assert!(expected.contains(&error.cause()), "{error}, expected {expected:?}");
}

/// A row that was sealed here, and then changed in one place, moved, cut or prolonged.
fn sealed(input: &mut Input<'_>) {
    let ring = KeyRing::new(key(1));
    let sealed_for = context(input);
    let (place, change) = (usize::from(input.word()), input.byte());
    let mut opened_for = context(input);
    let text = String::from_utf8_lossy(input.rest());
    let Ok(password) = Password::new(text.clone()) else {
        assert!(text.len() > 1_024);
        return;
    };
    let row = ring.seal(&sealed_for, &password).expect("sealed");
    assert_eq!(key_id_of(&row), Some(key(1).id()));
    assert_eq!(row.ciphertext.len(), 1 + 8 + (2 + text.len()).div_ceil(64) * 64 + 16);
    assert_eq!(ring.open(&sealed_for, &row).expect("opens").expose(), text);
    let later = KeyRing::new(key(2));
    assert_eq!(
        later.open(&sealed_for, &row).expect_err("unknown").cause(),
        OpenCause::UnknownKeyId
    );
    let later = later.with_decrypt_only(key(1));
    assert_eq!(later.open(&sealed_for, &row).expect("opens").expose(), text);

    let mut changed = row.clone();
    let bits = 8 * (row.nonce.len() + row.ciphertext.len());
    let flip = |changed: &mut SealedSecret, bit: usize| match bit / 8 {
        byte if byte < changed.nonce.len() => changed.nonce[byte] ^= 1 << (bit % 8),
        byte => changed.ciphertext[byte - row.nonce.len()] ^= 1 << (bit % 8),
    };
    match change % 5 {
        0 => flip(&mut changed, place % bits),
        1 => changed.ciphertext.truncate(place % row.ciphertext.len()),
        2 => changed.ciphertext.resize(row.ciphertext.len() + 1 + place % 200, change),
        3 => changed.nonce.resize(place % 12, 0),
        _ => changed.format = i16::from(change) + 2,
    }
    for unbound in [false, true] {
        let ring = KeyRing::new(key(1)).with_decrypt_only(key(2)).with_unbound_envelopes(unbound);
        assert!(
            ring.open(&sealed_for, &changed).is_err(),
            "opens after change {change} at {place}"
        );
        // The old form does not open as the new one, nor the other way round.
        let other = SealedSecret { format: SealedSecret::UNBOUND, ..row.clone() };
        assert!(ring.open(&sealed_for, &other).is_err(), "a bound row opens as an unbound one");
    }
    if opened_for == sealed_for {
        opened_for.tolerant = !opened_for.tolerant;
    }
    let cause = ring.open(&opened_for, &row).expect_err("of another check").cause();
    assert_eq!(cause, OpenCause::AuthFailed);
}

/// What a password is bound to. Few values, so that two of them often share some.
fn context(input: &mut Input<'_>) -> SealContext {
    let byte = input.byte();
    let choice = |bit: u8| u128::from(byte >> bit & 1);
    let id = |number: u128| Uuid::from_u128(number + 1);
    let (scheme, host) = input.one_of(&[
        ("https", "a.example"),
        ("httpsa", ".example"),
        ("http", "a.example"),
        ("https", "[2001:db8::1]"),
    ]);
    SealContext {
        install_id: InstallId::from_bytes([byte >> 6; 16]),
        host_id: HostId::from_uuid(id(choice(0))),
        check_id: CheckId::from_uuid(id(choice(1))),
        origin: Origin {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: if choice(2) == 0 { 443 } else { 8_443 },
        },
        tolerant: choice(3) == 1,
    }
}

fn canary(input: &mut Input<'_>) {
    let install = InstallId::from_bytes([input.byte(); 16]);
    let other = InstallId::from_bytes(input.array());
    let bit = usize::from(input.word());
    let named = KeyId::from_bytes(input.array());
    let (nonce, ciphertext) = (input.short().to_vec(), input.rest().to_vec());
    let text = named.to_string();
    assert_eq!(text.parse::<KeyId>(), Ok(named));
    for key_id in [named, key(1).id()] {
        let made_up = Canary { key_id, nonce: nonce.clone(), ciphertext: ciphertext.clone() };
        assert!(made_up.verify(&key(1), install).is_err(), "a made-up canary is known");
    }
    let good = Canary::make(&key(1), install).expect("made");
    assert!(good.verify(&key(1), install).is_ok());
    assert!(good.verify(&key(2), install).is_err());
    assert!(other == install || good.verify(&key(1), other).is_err());
    let mut bad = good.clone();
    let bits = 8 * bad.ciphertext.len();
    bad.ciphertext[bit % bits / 8] ^= 1 << (bit % 8);
    assert!(bad.verify(&key(1), install).is_err());
    assert!(
        Canary { key_id: named, ..good }.verify(&key(1), install).is_err() || named == key(1).id()
    );
    let text = String::from_utf8_lossy(&ciphertext);
    let is_id = text.len() == 16 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    let parsed = text.parse::<KeyId>();
    assert_eq!(parsed.is_ok(), is_id, "{text:?}");
    assert!(parsed.is_err() || parsed.map(|id| id.to_string()) == Ok(text.to_ascii_lowercase()));
}

/// A key file holds 32 bytes that are not all zero, and nothing else.
fn key_file(input: &mut Input<'_>) {
    let content = input.rest();
    let is_key = content.len() == 32 && content.iter().any(|byte| *byte != 0);
    match hostile::key_of(content) {
        Ok(found) => {
            assert!(is_key, "{} bytes are taken for a key", content.len());
            let bytes = <[u8; 32]>::try_from(content).expect("32 bytes");
            assert_eq!(found.id(), Key::from_bytes(Zeroizing::new(bytes)).id());
            // Neither a log of the key nor its id shows the key.
            let shown: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!format!("{found:?}").contains(&shown));
        }
        Err(_) => assert!(!is_key, "a key is refused"),
    }
}
