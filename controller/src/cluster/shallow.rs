//! An object of the API server, read no deeper than fields go that have a meaning.
//!
//! A SealedSecret may have fields that nobody knows, nested as deep as the API server stores them: ten
//! thousand levels. To read all of that as a tree fails, and with it the list that the object is in, so that
//! one object would hide all others. What lies deeper than [`DEEPEST`] is skipped here, and null is in its
//! place.

use std::fmt;

use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels that are read. No field with a meaning lies deeper than the sixth.
const DEEPEST: usize = 32;

/// An object without what lies too deep.
#[derive(Clone, Debug)]
pub(super) struct Shallow(pub(super) DynamicObject);

impl<'de> Deserialize<'de> for Shallow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(mut fields) = Levels(DEEPEST).deserialize(deserializer)? else {
            return Err(D::Error::custom("not an object"));
        };
        let mut text = |field: &str| fields.shift_remove(field)?.as_str().map(str::to_owned);
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let types = api_version.zip(kind);
        let metadata = fields.shift_remove("metadata").unwrap_or_default();
        let metadata: Option<ObjectMeta> =
            serde_json::from_value(metadata).map_err(D::Error::custom)?;
        Ok(Self(DynamicObject {
            types: types.map(|(api_version, kind)| TypeMeta { api_version, kind }),
            metadata: metadata.unwrap_or_default(),
            data: Value::Object(fields),
        }))
    }
}

/// Reads a value with so many levels; at none, nothing but null.
struct Levels(usize);

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0 == 0 {
            // Skipped without going down into it.
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Value::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self(self.0 - 1))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key()? {
            object.insert(name, entries.next_value_seed(Self(self.0 - 1))?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize, innermost: &str) -> String {
        let (open, close) = (r#"{"x":["#.repeat(levels), "]}".repeat(levels));
        format!("{open}{innermost}{close}")
    }

    #[test]
    fn what_is_not_deep_is_read_as_it_is() {
        let object = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": { "name": "db", "labels": { "a": "b" } },
            "spec": { "a": [1, -1, 1.5, true, null, "text", {}], "b": { "c": { "d": [[]] } } },
            "status": null,
        });
        let Shallow(read) = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(read, serde_json::from_value(object.clone()).unwrap());
        let Shallow(read) = serde_json::from_str(&object.to_string()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), object);
    }

    #[test]
    fn what_is_deep_hides_neither_the_object_nor_its_neighbours() {
        let deep = nested(5000, "1");
        let list = format!(
            r#"[{{"metadata":{{"name":"a","managedFields":[{{"fieldsV1":{deep}}}]}},"spec":{{"known":"value","x":{deep}}}}},
                {{"metadata":{{"name":"b"}},"spec":{{"known":"other"}}}}]"#
        );
        let read: Vec<Shallow> = serde_json::from_str(&list).unwrap();
        let known = |object: &Shallow| object.0.data.pointer("/spec/known").cloned();
        assert_eq!(read[0].0.metadata.name.as_deref(), Some("a"));
        assert_eq!(known(&read[0]), Some(json!("value")));
        assert_eq!(known(&read[1]), Some(json!("other")));
        // What is left can be written and read like anything.
        let text = serde_json::to_string(&read[0].0).unwrap();
        assert!(serde_json::from_str::<DynamicObject>(&text).is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "null", "\"text\"", "{", r#"{"metadata":5}"#] {
            assert!(serde_json::from_str::<Shallow>(text).is_err(), "{text}");
        }
        let Shallow(empty) = serde_json::from_str("{}").unwrap();
        assert_eq!(empty.metadata, ObjectMeta::default());
    }
}
