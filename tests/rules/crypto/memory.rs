//! F87: what a core file or the swap would hold of a password. The process reads its own memory.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use healthgate::{
    crypto::{InstallId, Key, KeyRing, SealContext, Sealer},
    model::{CheckId, HostId, Origin, Password},
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// A text that nothing else in this process has, and is looked for without having it: its bytes
/// are kept inverted.
struct Canary(Vec<u8>);

impl Canary {
    fn new(text: &str) -> Self {
        Self(text.bytes().map(|byte| !byte).collect())
    }

    fn stands_at(&self, place: &[u8]) -> bool {
        place.iter().zip(&self.0).all(|(byte, inverted)| *byte == !inverted)
    }

    /// How often it stands in what this process may write to: heap, stacks, and data.
    fn copies(&self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut found = 0;
        for line in maps.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let at = |text| u64::from_str_radix(text, 16).unwrap();
            let mut bytes = vec![0; usize::try_from(at(to) - at(from)).unwrap()];
            // A range may be gone by now, with another test's thread.
            if memory.read_exact_at(&mut bytes, at(from)).is_ok() {
                found += bytes.windows(self.0.len()).filter(|place| self.stands_at(place)).count();
            }
            // Else the next buffer would find what this one was a copy of.
            bytes.fill(0);
        }
        found
    }
}

#[test]
fn f87_an_opened_password_leaves_no_copy_in_memory() {
    let ring = KeyRing::new(Key::generate().unwrap());
    let context = SealContext {
        install_id: InstallId::from_bytes([7; 16]),
        host_id: HostId::generate(),
        check_id: CheckId::generate(),
        origin: Origin { scheme: "https".into(), host: "a.example".into(), port: 443 },
        tolerant: false,
    };
    let mut text = Zeroizing::new(String::with_capacity(64));
    // Digit by digit, so that no other buffer has it whole.
    for byte in [Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(Uuid::as_bytes) {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(b'a' + digit)));
    }
    // Not its beginning: an allocator writes there what it knows of a block that was given back.
    let canary = Canary::new(&text[32..]);
    let password = Password::new(&*text).unwrap();
    let sealed = ring.seal(&context, &password).unwrap();
    assert!(canary.copies() > 0, "the search finds what is there");
    drop((text, password));

    let opened = ring.open(&context, &sealed).unwrap();
    assert!(canary.copies() > 0, "the search finds what was opened");
    drop(opened);
    assert_eq!(canary.copies(), 0, "copies of the password are left");
}
