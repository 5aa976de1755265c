//! Expressions: pipelines, commands, fields, arguments and calls.

use super::{Function, Machine, Stop, methods};
use crate::fault::Fault;
use crate::sprig;
use crate::stack;
use crate::syntax::tree::{Expression, Kind as Operand};
use crate::value::{Kind, List, Map, Str, Type, Value};

/// The value a pipeline hands on, where there is one.
type Final = Option<Value>;

impl Machine<'_, '_> {
    /// Evaluates a pipeline and declares or sets its variables.
    pub(super) fn pipe(&mut self, dot: &Value, id: u32) -> Result<Value, Stop> {
        stack::grow(|| self.pipe_here(dot, id))
    }

    fn pipe_here(&mut self, dot: &Value, id: u32) -> Result<Value, Stop> {
        let tree = self.tree;
        let pipe = &tree.pipes[id as usize];
        self.at = pipe.pos;
        let mut value: Final = None;
        for command in pipe.commands.clone() {
            let result = self.command(dot, command, value)?;
            value = Some(result.or_invalid());
        }
        let value = value.unwrap_or_default();
        for &name in pipe.declared.iter().flatten() {
            if pipe.assign {
                self.set_variable(name, value.clone())?;
            } else {
                self.declare(name, value.clone())?;
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, id: u32, last: Final) -> Result<Value, Stop> {
        self.spend(1)?;
        let tree = self.tree;
        let range = tree.commands[id as usize].arguments.clone();
        let arguments = &tree.arguments[range.start as usize..range.end as usize];
        let Some((&first, rest)) = arguments.split_first() else {
            return Ok(Value::Invalid);
        };
        let node = &tree.expressions[first as usize];
        self.at = node.pos;
        match &node.kind {
            Operand::Field(names) => {
                let names = &tree.fields[names.start as usize..names.end as usize];
                self.fields(dot, dot.clone(), names, rest, last)
            }
            Operand::Chain(inner, names) => {
                let names = &tree.fields[names.start as usize..names.end as usize];
                let receiver = self.argument(dot, None, *inner)?;
                self.fields(dot, receiver, names, rest, last)
            }
            Operand::Function(number) => self.function(dot, *number, node.pos, rest, last),
            Operand::Variable(name, names) if !names.is_empty() => {
                let names = &tree.fields[names.start as usize..names.end as usize];
                let receiver = self.variable(*name)?;
                self.fields(dot, receiver, names, rest, last)
            }
            other => {
                if !rest.is_empty() || last.is_some() {
                    return self.fail("can't give argument to non-function");
                }
                match other {
                    Operand::Pipe(pipe) => self.pipe(dot, *pipe),
                    Operand::Nil => self.fail("nil is not a command"),
                    Operand::Dot => Ok(dot.clone()),
                    Operand::Variable(name, _) => self.variable(*name),
                    _ => self.constant(node),
                }
            }
        }
    }

    fn variable(&mut self, name: u32) -> Result<Value, Stop> {
        let at = self.find_variable(name)?;
        Ok(self
            .variables
            .get(at)
            .map(|(_, value)| value.clone())
            .unwrap_or_default())
    }

    /// A literal where any type will do.
    fn constant(&mut self, node: &Expression) -> Result<Value, Stop> {
        match &node.kind {
            Operand::Bool(b) => Ok(Value::Bool(*b)),
            Operand::Str(id) => Ok(Value::Str(self.tree.strings[*id as usize].clone())),
            Operand::Number(id) => {
                let number = self.tree.numbers[*id as usize];
                if let Some((re, im)) = number.complex {
                    return Ok(Value::Complex(re, im));
                }
                match (number.float, number.int) {
                    (Some(float), _) if number.looks_float => Ok(Value::Float(float)),
                    (_, Some(int)) => Ok(Value::Int(int)),
                    _ if number.uint.is_some() => self.fail("constant overflows int"),
                    _ => Ok(Value::Invalid),
                }
            }
            _ => self.fail("can't evaluate command"),
        }
    }

    /// `.a.b.c`: all but the last take no arguments.
    fn fields(
        &mut self,
        dot: &Value,
        mut receiver: Value,
        names: &[Str],
        arguments: &[u32],
        last: Final,
    ) -> Result<Value, Stop> {
        let Some((name, before)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in before {
            receiver = self.field(dot, receiver, name, &[], None)?;
        }
        self.field(dot, receiver, name, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: Value,
        name: &Str,
        arguments: &[u32],
        last: Final,
    ) -> Result<Value, Stop> {
        self.spend(1)?;
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &receiver {
            Value::Invalid => return Ok(Value::Invalid),
            Value::Nil => return self.fail("nil pointer evaluating interface {}"),
            _ => {}
        }
        if let Some(method) = methods::find(&receiver, name) {
            return self.call(dot, method, Some(receiver), self.at, arguments, last);
        }
        match &receiver {
            Value::Map(map) => {
                if has_arguments {
                    return self.fail("a map entry is not a method but has arguments");
                }
                Ok(map.get(name).unwrap_or_default())
            }
            Value::Certificate(certificate) => {
                let value = match &**name {
                    b"Cert" => &certificate.cert,
                    b"Key" => &certificate.key,
                    _ => return self.no_field(name, &receiver),
                };
                if has_arguments {
                    return self.fail("a field has arguments but cannot be invoked as function");
                }
                Ok(Value::Str(value.clone()))
            }
            _ => self.no_field(name, &receiver),
        }
    }

    fn no_field(&self, name: &Str, receiver: &Value) -> Result<Value, Stop> {
        let name = String::from_utf8_lossy(name);
        self.fail(format!(
            "can't evaluate field {name} in type {}",
            receiver.type_name()
        ))
    }

    fn function(
        &mut self,
        dot: &Value,
        number: u16,
        pos: u32,
        arguments: &[u32],
        last: Final,
    ) -> Result<Value, Stop> {
        let Some(function) = sprig::function(number) else {
            return self.fail("not a function");
        };
        if matches!(function.name, "and" | "or") {
            return self.and_or(dot, function, arguments, last);
        }
        self.call(dot, function, None, pos, arguments, last)
    }

    /// `and` and `or` stop at the first argument that decides.
    fn and_or(
        &mut self,
        dot: &Value,
        function: &'static Function,
        arguments: &[u32],
        last: Final,
    ) -> Result<Value, Stop> {
        if arguments.is_empty() && last.is_none() {
            return self.wrong_count(function);
        }
        let mut value = Value::Invalid;
        for &argument in arguments {
            value = self.argument(dot, Some(Type::Reflect), argument)?;
            if value.truth() == (function.name == "or") {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn wrong_count<T>(&self, function: &'static Function) -> Result<T, Stop> {
        let what = "wrong number of arguments".to_owned();
        Err(Stop {
            pos: self.at,
            function: Some(function.name),
            fault: Fault::Failed(what),
        })
    }

    fn call(
        &mut self,
        dot: &Value,
        function: &'static Function,
        receiver: Option<Value>,
        pos: u32,
        arguments: &[u32],
        last: Final,
    ) -> Result<Value, Stop> {
        let count = arguments.len() + usize::from(last.is_some());
        let fixed = function.parameters.len() - usize::from(function.variadic);
        if count < fixed || !function.variadic && count > fixed {
            return self.wrong_count(function);
        }
        let parameter = |at: usize| {
            let at = at.min(function.parameters.len().saturating_sub(1));
            function.parameters.get(at).copied().unwrap_or(Type::Any)
        };
        let outer = self.function;
        let mut values = Vec::with_capacity(count + 1);
        values.extend(receiver);
        for (at, &argument) in arguments.iter().enumerate() {
            let value = self.argument(dot, Some(parameter(at)), argument)?;
            values.push(value);
        }
        self.function = Some(function.name);
        if let Some(last) = last {
            values.push(self.validate(last, Some(parameter(count - 1)))?);
        }
        self.at = pos;
        self.spend(1 + values.len() as u64 / 16)?;
        let result = (function.body)(&mut self.cx, &values);
        match result {
            Ok(value) => {
                drop(values);
                self.function = outer;
                self.spend(0)?;
                Ok(value)
            }
            Err(fault) => self.stop(fault),
        }
    }

    /// Evaluates an argument for a parameter of the given type; `None` takes anything as it is.
    pub(super) fn argument(
        &mut self,
        dot: &Value,
        wanted: Option<Type>,
        id: u32,
    ) -> Result<Value, Stop> {
        let tree = self.tree;
        let node = &tree.expressions[id as usize];
        self.at = node.pos;
        let value = match &node.kind {
            Operand::Dot => dot.clone(),
            Operand::Nil => {
                return match wanted.map(nil_of) {
                    Some(Some(nil)) => Ok(nil),
                    _ => self.fail(format!(
                        "cannot assign nil to {}",
                        wanted.map_or("nothing", Type::name)
                    )),
                };
            }
            Operand::Field(names) => {
                let names = &tree.fields[names.start as usize..names.end as usize];
                self.fields(dot, dot.clone(), names, &[], None)?
            }
            Operand::Variable(name, names) => {
                let receiver = self.variable(*name)?;
                let names = &tree.fields[names.start as usize..names.end as usize];
                self.fields(dot, receiver, names, &[], None)?
            }
            Operand::Pipe(pipe) => self.pipe(dot, *pipe)?,
            Operand::Function(number) => self.function(dot, *number, node.pos, &[], None)?,
            Operand::Chain(inner, names) => {
                let names = &tree.fields[names.start as usize..names.end as usize];
                let receiver = self.argument(dot, None, *inner)?;
                self.fields(dot, receiver, names, &[], None)?
            }
            Operand::Bool(_) | Operand::Number(_) | Operand::Str(_) => {
                return self.literal(node, wanted);
            }
        };
        self.validate(value, wanted)
    }

    /// A literal as a parameter of the given type.
    fn literal(&mut self, node: &Expression, wanted: Option<Type>) -> Result<Value, Stop> {
        let Some(wanted) = wanted.filter(|w| !matches!(w, Type::Any | Type::Reflect)) else {
            return self.constant(node);
        };
        let number = match &node.kind {
            Operand::Number(id) => Some(self.tree.numbers[*id as usize]),
            _ => None,
        };
        let found = match (wanted.kind(), &node.kind) {
            (Kind::Bool, Operand::Bool(b)) => Some(Value::Bool(*b)),
            (Kind::Str, Operand::Str(id)) => {
                Some(Value::Str(self.tree.strings[*id as usize].clone()))
            }
            (Kind::Float, _) => number.and_then(|n| n.float).map(Value::Float),
            (Kind::Signed, _) => number.and_then(|n| n.int).map(|n| match wanted {
                Type::Int64 => Value::Int64(n),
                Type::Duration => Value::Duration(n),
                _ => Value::Int(n),
            }),
            (Kind::Unsigned, _) => number.and_then(|n| n.uint).map(|n| match wanted {
                Type::Uint32 => Value::Uint32(n as u32),
                _ => Value::Uint64(n),
            }),
            _ => None,
        };
        match found {
            Some(value) => Ok(value),
            None => self.fail(format!("can't use this constant as {}", wanted.name())),
        }
    }

    /// Checks that a value can be passed as the type, as Go's `validateType` does.
    fn validate(&mut self, value: Value, wanted: Option<Type>) -> Result<Value, Stop> {
        let Some(wanted) = wanted else {
            return Ok(value);
        };
        match (value, wanted) {
            (value, Type::Reflect) => Ok(value),
            (value, Type::Any) => Ok(value.or_nil()),
            (Value::Invalid, wanted) => match nil_of(wanted) {
                Some(nil) => Ok(nil),
                None => self.fail(format!("invalid value; expected {}", wanted.name())),
            },
            (value, wanted) if value.ty() == Some(wanted) => Ok(value),
            (value, wanted) => {
                let got = value.ty().map_or("interface {}", Type::name);
                self.fail(format!(
                    "wrong type for value; expected {}; got {got}",
                    wanted.name()
                ))
            }
        }
    }
}

/// The nil of a type that has one.
fn nil_of(wanted: Type) -> Option<Value> {
    Some(match wanted {
        Type::Any | Type::Location | Type::VersionPointer => Value::Nil,
        Type::Reflect => Value::Invalid,
        Type::List(elem) => Value::List(List::nil(elem)),
        Type::Map(kind) => Value::Map(Map::nil(kind)),
        _ => return None,
    })
}
