//! Types and kinds by name, and deep equality.

use crate::exec::Function;
use crate::value::{Type, Value, deep_equal};

const ANY: &[Type] = &[Type::Any];
const NAMED: &[Type] = &[Type::Str, Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("typeOf", ANY, |_, a| Ok(Value::str(a[0].type_name()))),
    Function::new("typeIs", NAMED, |_, a| {
        Ok(Value::Bool(a[0].bytes() == a[1].type_name().as_bytes()))
    }),
    Function::new("typeIsLike", NAMED, |_, a| {
        let (wanted, name) = (a[0].bytes(), a[1].type_name().as_bytes());
        Ok(Value::Bool(
            wanted == name || name.strip_prefix(b"*") == Some(wanted),
        ))
    }),
    Function::new("kindOf", ANY, |_, a| Ok(Value::str(a[0].kind_name()))),
    Function::new("kindIs", NAMED, |_, a| {
        Ok(Value::Bool(a[0].bytes() == a[1].kind_name().as_bytes()))
    }),
    Function::new("deepEqual", &[Type::Any, Type::Any], |cx, a| {
        Ok(Value::Bool(deep_equal(&mut cx.meter, &a[0], &a[1])?))
    }),
];
