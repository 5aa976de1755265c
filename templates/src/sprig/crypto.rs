//! Digests, password hashing and AES.

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use rand::Rng;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::go::base;
use crate::value::{Type, Value};

const ONE: &[Type] = &[Type::Str];
const TWO: &[Type] = &[Type::Str, Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("sha1sum", ONE, |cx, a| {
        digest(cx, &a[0], |text| Sha1::digest(text).to_vec())
    }),
    Function::new("sha256sum", ONE, |cx, a| {
        digest(cx, &a[0], |text| Sha256::digest(text).to_vec())
    }),
    Function::new("sha512sum", ONE, |cx, a| {
        digest(cx, &a[0], |text| Sha512::digest(text).to_vec())
    }),
    Function::new("adler32sum", ONE, |cx, a| {
        let text = a[0].bytes();
        cx.meter.handle(text.len())?;
        let (low, high) = text.iter().fold((1u32, 0u32), |(low, high), &byte| {
            let low = (low + u32::from(byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
        Ok(Value::str((high << 16 | low).to_string()))
    }),
    Function::new("bcrypt", ONE, |cx, a| {
        Ok(Value::str(bcrypt(cx, a[0].bytes())?))
    }),
    Function::new("htpasswd", TWO, |cx, a| {
        let user = a[0].bytes();
        if user.contains(&b':') {
            return Ok(Value::str([b"invalid username: ", user].concat()));
        }
        let hash = bcrypt(cx, a[1].bytes())?;
        Ok(Value::str([user, b":", hash.as_bytes()].concat()))
    }),
    Function::new(
        "derivePassword",
        &[Type::Uint32, Type::Str, Type::Str, Type::Str, Type::Str],
        derive_password,
    ),
    Function::new("encryptAES", TWO, encrypt),
    Function::new("decryptAES", TWO, decrypt),
];

fn digest(cx: &mut Cx<'_>, text: &Value, f: fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    let text = text.bytes();
    cx.meter.spend(2 + text.len() as u64 / 16)?;
    Ok(Value::str(
        f(text)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>(),
    ))
}

/// bcrypt at Go's default cost, in the `$2a$` form.
fn bcrypt(cx: &mut Cx<'_>, password: &[u8]) -> Result<String, Fault> {
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into(),
        );
    }
    cx.meter.hash(60)?;
    let mut salt = [0u8; 16];
    cx.environment.fill_bytes(&mut salt);
    // The key is the password with the zero byte that ends a C string.
    let mut key = Zeroizing::new(password.to_vec());
    key.push(0);
    key.truncate(72);
    let hash = ::bcrypt::bcrypt(10, salt, &key);
    Ok(format!("$2a$10${}{}", crypt64(&salt), crypt64(&hash[..23])))
}

/// bcrypt's own base64, without padding.
fn crypt64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::new();
    for chunk in data.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |w, &b| w << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}

const SEED: &[u8] = b"com.lyndir.masterpassword";

/// The templates of the Master Password algorithm, by the name of the type.
fn templates(kind: &[u8]) -> Option<&'static [&'static [u8]]> {
    Some(match kind {
        b"maximum" => &[b"anoxxxxxxxxxxxxxxxxx", b"axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            b"CvcvnoCvcvCvcv",
            b"CvcvCvcvnoCvcv",
            b"CvcvCvcvCvcvno",
            b"CvccnoCvcvCvcv",
            b"CvccCvcvnoCvcv",
            b"CvccCvcvCvcvno",
            b"CvcvnoCvccCvcv",
            b"CvcvCvccnoCvcv",
            b"CvcvCvccCvcvno",
            b"CvcvnoCvcvCvcc",
            b"CvcvCvcvnoCvcc",
            b"CvcvCvcvCvccno",
            b"CvccnoCvccCvcv",
            b"CvccCvccnoCvcv",
            b"CvccCvccCvcvno",
            b"CvcvnoCvccCvcc",
            b"CvcvCvccnoCvcc",
            b"CvcvCvccCvccno",
            b"CvccnoCvcvCvcc",
            b"CvccCvcvnoCvcc",
            b"CvccCvcvCvccno",
        ],
        b"medium" => &[b"CvcnoCvc", b"CvcCvcno"],
        b"short" => &[b"Cvcn"],
        b"basic" => &[b"aaanaaan", b"aannaaan", b"aaannaaa"],
        b"pin" => &[b"nnnn"],
        _ => return None,
    })
}

/// The characters a letter of a template stands for.
fn characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let counter = a[0].as_unsigned().unwrap_or(0) as u32;
    let (kind, password, user, site) = (a[1].bytes(), a[2].bytes(), a[3].bytes(), a[4].bytes());
    let Some(templates) = templates(kind) else {
        return Ok(Value::str(
            [b"cannot find password template ", kind].concat(),
        ));
    };
    cx.meter
        .handle((password.len() + user.len() + site.len()) * 4)?;
    let length = |text: &[u8]| (text.len() as u32).to_be_bytes();
    let salt = [SEED, &length(user), user].concat();
    let key = master_key(cx, password, &salt)?;
    let message = [SEED, &length(site), site, &counter.to_be_bytes()].concat();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return fail("bad key length");
    };
    mac.update(&message);
    let seed = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
    let template = templates[usize::from(seed[0]) % templates.len()];
    let text: Vec<u8> = template
        .iter()
        .zip(&seed[1..])
        .map(|(&letter, &byte)| {
            let characters = characters(letter);
            characters[usize::from(byte) % characters.len()]
        })
        .collect();
    Ok(Value::str(text))
}

/// scrypt's key, remembered for the rest of the rendering: a template often derives several
/// passwords from one.
fn master_key(cx: &mut Cx<'_>, password: &[u8], salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let wanted = [&(password.len() as u64).to_be_bytes(), password, salt].concat();
    if let Some((_, key)) = cx.derived.iter().find(|(from, _)| **from == wanted) {
        return Ok(key.clone());
    }
    cx.meter.hash(180)?;
    let Ok(parameters) = scrypt::Params::new(15, 8, 2) else {
        return fail("bad scrypt parameters");
    };
    let mut key = Zeroizing::new(vec![0; 64]);
    if scrypt::scrypt(password, salt, &parameters, &mut key).is_err() {
        return fail("bad scrypt parameters");
    }
    cx.derived.push((Zeroizing::new(wanted), key.clone()));
    Ok(key)
}

/// The password cut or padded with zeros to 32 bytes.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = Zeroizing::new([0u8; 32]);
    let len = password.len().min(32);
    key[..len].copy_from_slice(&password[..len]);
    Aes256::new(&(*key).into())
}

fn encrypt(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = a[1].bytes();
    if text.is_empty() {
        return Ok(Value::str(""));
    }
    cx.meter.reserve(text.len() * 4)?;
    cx.meter.handle(text.len() * 4)?;
    let cipher = cipher(a[0].bytes());
    let mut out = vec![0u8; 16];
    cx.environment.fill_bytes(&mut out);
    let padding = 16 - text.len() % 16;
    let mut padded = Zeroizing::new(text.to_vec());
    padded.extend(std::iter::repeat_n(padding as u8, padding));
    for (i, chunk) in padded.chunks(16).enumerate() {
        let mut block = [0u8; 16];
        for (to, (x, y)) in block.iter_mut().zip(chunk.iter().zip(&out[i * 16..])) {
            *to = x ^ y;
        }
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        out.extend_from_slice(&block);
    }
    Ok(Value::str(base::encode64(&out)))
}

fn decrypt(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = a[1].bytes();
    if text.is_empty() {
        return Ok(Value::str(""));
    }
    cx.meter.reserve(text.len() * 2)?;
    cx.meter.handle(text.len() * 4)?;
    let Ok(data) = base::decode64(text) else {
        return fail("illegal base64 data");
    };
    if data.len() < 32 || !data.len().is_multiple_of(16) {
        return fail("the ciphertext is not made of whole blocks");
    }
    let cipher = cipher(a[0].bytes());
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    for at in (16..data.len()).step_by(16) {
        let mut chunk = [0u8; 16];
        chunk.copy_from_slice(&data[at..at + 16]);
        let mut block = chunk.into();
        cipher.decrypt_block(&mut block);
        out.extend(block.iter().zip(&data[at - 16..]).map(|(x, y)| x ^ y));
    }
    let padding = out.last().map_or(0, |&b| usize::from(b));
    match out.len().checked_sub(padding) {
        Some(len) => Ok(Value::str(&out[..len])),
        None => fail("slice bounds out of range"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::fault::Meter;
    use crate::limits::Limits;

    #[test]
    fn bcrypt_hashes_verify() {
        let mut environment = Environment::system();
        let mut cx = Cx::new(Meter::new(&Limits::default()), &mut environment);
        let hash = bcrypt(&mut cx, b"a password").expect("within the limits");
        assert!(::bcrypt::verify("a password", &hash).expect("the hash has the form of one"));
        assert!(!::bcrypt::verify("another", &hash).expect("the hash has the form of one"));
    }
}
