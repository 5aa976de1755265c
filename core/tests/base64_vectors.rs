//! Texts as Go's `base64.StdEncoding` reads them: see `vectors/go`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

use proptest::prelude::*;
use sealed_secrets_core::item;
use serde::Deserialize;
use std::io::Write as _;

#[derive(Deserialize)]
struct Vector {
    text: String,
    bytes: Option<String>,
    offset: Option<usize>,
}

#[test]
fn base64_vectors() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors/base64.json")).unwrap();
    let (mut read, mut refused) = (0, 0);
    for Vector {
        text,
        bytes,
        offset,
    } in &vectors
    {
        match (item::decode(text), bytes, offset) {
            (Ok(decoded), Some(bytes), None) => {
                assert_eq!(hex::encode(decoded), *bytes, "{text:?}");
                read += 1;
            }
            (Err(error), None, Some(offset)) => {
                assert_eq!(error.offset(), *offset, "{text:?}");
                let message = format!("illegal base64 data at input byte {offset}");
                assert_eq!(error.to_string(), message);
                refused += 1;
            }
            (result, ..) => panic!("{text:?}: {result:?}, Go: {bytes:?} {offset:?}"),
        }
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "base64 vectors: {read} read and {refused} refused as in Go"
    );
    assert!(read > 1000 && refused > 1000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn bytes_survive_wrapping(bytes: Vec<u8>, width in 1_usize..80, crlf: bool) {
        let text = item::encode(&bytes);
        let end = if crlf { "\r\n" } else { "\n" };
        let lines: Vec<_> = text.as_bytes().chunks(width).map(|c| std::str::from_utf8(c).unwrap()).collect();
        prop_assert_eq!(item::decode(&lines.join(end)), Ok(bytes.clone()));
        prop_assert_eq!(item::decode(&text), Ok(bytes));
    }

    #[test]
    fn decoding_never_panics_and_points_into_the_text(text in any::<String>()) {
        if let Err(error) = item::decode(&text) {
            prop_assert!(error.offset() <= text.len());
        }
    }

    #[test]
    fn decoding_texts_of_symbols_never_panics(text in "[A-Za-z0-9+/=\r\n]{0,60}") {
        let _ = item::decode(&text);
    }
}
