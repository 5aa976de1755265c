//! serde over a [`Node`]: typed values out of a document.
//!
//! Where a string is wanted, a plain scalar of another type becomes the string that Kubernetes
//! tools make of it, and null becomes the empty string. Errors know their place.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::node::{Key, Node, Position, Value};

/// Why a document doesn't have the shape of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// Where the misfit stands.
    pub position: Option<Position>,
    /// The misfit, without values.
    pub message: String,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for TypeError {}

impl de::Error for TypeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            position: None,
            message: message.to_string(),
        }
    }

    // The default names the unexpected value, which may be plaintext.
    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self {
            position: None,
            message: format!("{} instead of {expected}", kind(unexpected)),
        }
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self {
            position: None,
            message: format!("{} is not {expected}", kind(unexpected)),
        }
    }
}

/// Makes a `T` of a document.
///
/// # Errors
/// The first misfit and its place.
pub fn from_node<T: de::DeserializeOwned>(node: &Node) -> Result<T, TypeError> {
    T::deserialize(node)
}

fn kind(unexpected: de::Unexpected<'_>) -> &'static str {
    match unexpected {
        de::Unexpected::Bool(_) => "a boolean",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) | de::Unexpected::Float(_) => {
            "a number"
        }
        de::Unexpected::Str(_) | de::Unexpected::Char(_) => "a string",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "a list",
        de::Unexpected::Map => "a map",
        _ => "something else",
    }
}

impl Node {
    fn locate<T>(&self, result: Result<T, TypeError>) -> Result<T, TypeError> {
        result.map_err(|mut error| {
            error.position.get_or_insert(self.position);
            error
        })
    }

    fn visit_number<'de, V: Visitor<'de>>(
        canonical: &str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        if let Ok(number) = canonical.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = canonical.parse::<i64>() {
            visitor.visit_i64(number)
        } else {
            match canonical.trim_start_matches('+').parse::<f64>() {
                Ok(number) => visitor.visit_f64(number),
                // .inf and .nan, which JSON has no number for.
                Err(_) => visitor.visit_str(canonical),
            }
        }
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.locate(match &self.value {
            Value::Null { .. } => visitor.visit_unit(),
            Value::Bool { value, .. } => visitor.visit_bool(*value),
            Value::Number { canonical, .. } => Node::visit_number(canonical, visitor),
            Value::String(text) => visitor.visit_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(fields) => visitor.visit_map(Fields {
                rest: fields.iter(),
                value: None,
            }),
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.as_wanted_string() {
            Some(text) => self.locate(visitor.visit_str(text)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        self.locate(visitor.visit_enum(Variant(self)))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct ignored_any
    }
}

struct Items<'node>(std::slice::Iter<'node, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = TypeError;
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, TypeError> {
        self.0.next().map(|node| seed.deserialize(node)).transpose()
    }
}

struct Fields<'node> {
    rest: std::slice::Iter<'node, (Key, Node)>,
    value: Option<&'node Node>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = TypeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, TypeError> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let deserializer: StringDeserializer<TypeError> = key.name.clone().into_deserializer();
        seed.deserialize(deserializer).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, TypeError> {
        match self.value.take() {
            Some(node) => node.locate(seed.deserialize(node)),
            None => Err(de::Error::custom("value read before its key")),
        }
    }
}

/// A unit variant spelled as a string.
struct Variant<'node>(&'node Node);

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = TypeError;
    type Variant = Self;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), TypeError> {
        Ok((seed.deserialize(self.0)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = TypeError;
    fn unit_variant(self) -> Result<(), TypeError> {
        Ok(())
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, TypeError> {
        Err(de::Error::custom("expected a word"))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, TypeError> {
        Err(de::Error::custom("expected a word"))
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, TypeError> {
        Err(de::Error::custom("expected a word"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::sealed_secret::SealedSecret;

    #[test]
    fn unquoted_scalars_become_strings_where_strings_are_wanted() {
        let documents = read(
            b"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: 0777\n  namespace: on\n  \
              annotations:\n    sealedsecrets.bitnami.com/cluster-wide: true\n    n: 5\nspec:\n  encryptedData: {}\n",
        )
        .unwrap();
        let sealed: SealedSecret = super::from_node(&documents[0].node).unwrap();
        assert_eq!(sealed.name(), "511");
        assert_eq!(sealed.namespace(), "true");
        assert_eq!(
            sealed.scope(),
            sealed_secrets_core::scope::Scope::ClusterWide
        );
    }

    #[test]
    fn misfits_name_their_place_and_repeat_no_value() {
        let documents =
            read(b"apiVersion: x\nkind: y\nmetadata:\n  name: a\nspec:\n  encryptedData:\n    - hunter2\n").unwrap();
        let error = super::from_node::<SealedSecret>(&documents[0].node).unwrap_err();
        assert_eq!(error.position.unwrap().line, 7, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
