//! Runs a tree: statements with an explicit stack of frames, expressions by recursion.

mod builtins;
mod compare;
mod eval;
mod function;
mod methods;

use zeroize::Zeroizing;

pub(crate) use builtins::FUNCTIONS;
pub(crate) use function::{Cx, Function};

use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::fault::{Fault, Meter};
use crate::limits::Limits;
use crate::syntax::tree::{Statement, Symbol, Tree};
use crate::value::{Kind, Value};

/// Variables that may be alive at one time.
const MAX_VARIABLES: usize = 400_000;
/// Blocks that may be open at one time, over all templates called.
const MAX_FRAMES: usize = 300_000;

/// Why execution stopped, and where.
struct Stop {
    pos: u32,
    function: Option<&'static str>,
    fault: Fault,
}

/// Executes the template `name` of `tree` with `data` under `.` and `$`; returns what is left of
/// the limits, too.
pub(crate) fn execute(
    name: &str,
    text: &[u8],
    tree: &Tree,
    data: Value,
    environment: &mut Environment,
    limits: &Limits,
) -> (Result<Vec<u8>, Error>, Limits) {
    let mut machine = Machine {
        tree,
        text,
        cx: Cx::new(Meter::new(limits), environment),
        variables: vec![(0, data.clone())],
        base: 0,
        frames: Vec::new(),
        calls: 0,
        out: Zeroizing::new(Vec::with_capacity(text.len())),
        at: 0,
        function: None,
    };
    let result = machine.execute(name, data);
    (result, machine.cx.meter.left())
}

/// The line, from 1, and column, from 0, of an offset.
pub(crate) fn place(text: &[u8], pos: usize) -> (usize, usize) {
    let before = &text[..pos.min(text.len())];
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    let start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    (line, before.len() - start)
}

struct Machine<'t, 'e> {
    tree: &'t Tree,
    text: &'t [u8],
    cx: Cx<'e>,
    variables: Vec<(Symbol, Value)>,
    /// Where the variables of the current template begin.
    base: usize,
    frames: Vec<Frame>,
    /// Templates called and not yet done.
    calls: usize,
    out: Zeroizing<Vec<u8>>,
    /// The node at work, for errors.
    at: u32,
    /// The function at work, for errors.
    function: Option<&'static str>,
}

/// A list of statements under way.
struct Frame {
    list: u32,
    next: u32,
    dot: Value,
    /// How many variables there were before the statement this belongs to.
    mark: usize,
    role: Role,
}

enum Role {
    Block,
    Loop(Box<Loop>),
    /// A called template; the base to restore.
    Call(usize),
}

/// A range under way.
struct Loop {
    source: Source,
    index: usize,
    /// The variables it sets: index and element, or element alone.
    names: [Option<Symbol>; 2],
    assign: bool,
    /// How many variables there are at the start of each iteration.
    mark: usize,
}

enum Source {
    List(Value),
    Map(Vec<(crate::value::Str, Value)>),
    Count(Value, u64),
}

impl Source {
    /// The index and element at `at`.
    fn get(&self, at: usize) -> Option<(Value, Value)> {
        match self {
            Self::List(Value::List(list)) => list
                .items()
                .get(at)
                .map(|item| (Value::Int(at as i64), item.clone())),
            Self::List(_) => None,
            Self::Map(entries) => entries
                .get(at)
                .map(|(key, value)| (Value::Str(key.clone()), value.clone())),
            Self::Count(of, count) => (at as u64 <= *count && (at as u64) < *count).then(|| {
                let n = at as i64;
                let element = match of {
                    Value::Int64(_) => Value::Int64(n),
                    Value::Uint8(_) => Value::Uint8(n as u8),
                    Value::Uint32(_) => Value::Uint32(n as u32),
                    Value::Uint64(_) => Value::Uint64(n as u64),
                    Value::Duration(_) => Value::Duration(n),
                    Value::Month(_) => Value::Month(n),
                    Value::Weekday(_) => Value::Weekday(n),
                    _ => Value::Int(n),
                };
                (Value::Invalid, element)
            }),
        }
    }
}

impl Machine<'_, '_> {
    fn execute(&mut self, name: &str, data: Value) -> Result<Vec<u8>, Error> {
        let Some(&root) = self.tree.templates.get(name.as_bytes()) else {
            return Err(Error::new(
                ErrorKind::Execution,
                name,
                (1, 0),
                None,
                "an incomplete template",
            ));
        };
        match self.run(root, data) {
            Ok(()) => Ok(std::mem::take(&mut *self.out)),
            Err(stop) => {
                let (kind, what) = match stop.fault {
                    Fault::Failed(what) => (ErrorKind::Execution, what),
                    Fault::Limit(what) => (ErrorKind::Limit, what.to_owned()),
                };
                Err(Error::new(
                    kind,
                    name,
                    place(self.text, stop.pos as usize),
                    stop.function,
                    what,
                ))
            }
        }
    }

    fn stop<T>(&self, fault: Fault) -> Result<T, Stop> {
        Err(Stop {
            pos: self.at,
            function: self.function,
            fault,
        })
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Stop> {
        self.stop(Fault::new(what))
    }

    fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        match self.cx.meter.spend(steps) {
            Ok(()) => Ok(()),
            Err(fault) => self.stop(fault),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.out.len() + bytes.len() > self.cx.meter.limits.output {
            return self.stop(Fault::Limit("the output is too large"));
        }
        self.spend(bytes.len() as u64 / 64)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn run(&mut self, root: u32, dot: Value) -> Result<(), Stop> {
        let tree = self.tree;
        self.push(root, dot, 0, Role::Block)?;
        while let Some(frame) = self.frames.last_mut() {
            let list = &tree.lists[frame.list as usize];
            if let Some(&statement) = list.get(frame.next as usize) {
                frame.next += 1;
                self.statement(&tree.statements[statement as usize])?;
            } else {
                self.end_of_list()?;
            }
        }
        Ok(())
    }

    fn push(&mut self, list: u32, dot: Value, mark: usize, role: Role) -> Result<(), Stop> {
        if self.frames.len() >= MAX_FRAMES {
            return self.stop(Fault::Limit("too many blocks are open"));
        }
        self.frames.push(Frame {
            list,
            next: 0,
            dot,
            mark,
            role,
        });
        Ok(())
    }

    fn end_of_list(&mut self) -> Result<(), Stop> {
        if let Some(Frame {
            role: Role::Loop(_),
            ..
        }) = self.frames.last()
        {
            return self.iterate();
        }
        if let Some(frame) = self.frames.pop() {
            self.variables.truncate(frame.mark);
            if let Role::Call(base) = frame.role {
                self.base = base;
                self.calls -= 1;
            }
        }
        Ok(())
    }

    /// Begins the next iteration of the innermost loop, or ends it.
    fn iterate(&mut self) -> Result<(), Stop> {
        self.spend(1)?;
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let Role::Loop(state) = &mut frame.role else {
            return Ok(());
        };
        self.variables.truncate(state.mark);
        let Some((index, element)) = state.source.get(state.index) else {
            self.variables.truncate(frame.mark);
            self.frames.pop();
            return Ok(());
        };
        state.index += 1;
        frame.next = 0;
        frame.dot = element.clone();
        let (names, assign, top) = (state.names, state.assign, state.mark);
        match (names, assign) {
            ([None, _], _) => {}
            ([Some(only), None], true) => self.set_variable(only, element)?,
            ([Some(first), Some(second)], true) => {
                self.set_variable(first, index)?;
                self.set_variable(second, element)?;
            }
            ([Some(_), second], false) => {
                if let Some(slot) = self.variables.get_mut(top - 1) {
                    slot.1 = element;
                }
                if second.is_some()
                    && let Some(slot) = self.variables.get_mut(top - 2)
                {
                    slot.1 = index;
                }
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), Stop> {
        self.spend(1)?;
        self.function = None;
        match statement {
            Statement::Text(range) => {
                let text = self.text;
                self.write(&text[range.start as usize..range.end as usize])
            }
            Statement::Action { pipe } => {
                let dot = self.dot();
                let value = self.pipe(&dot, *pipe)?;
                let tree = self.tree;
                let pipe = &tree.pipes[*pipe as usize];
                if pipe.declared[0].is_none() {
                    self.at = pipe.pos;
                    self.print(&value)?;
                }
                Ok(())
            }
            Statement::If {
                pipe,
                then,
                otherwise,
            } => {
                let (dot, mark) = (self.dot(), self.variables.len());
                let value = self.pipe(&dot, *pipe)?;
                let branch = if value.truth() {
                    Some(*then)
                } else {
                    *otherwise
                };
                self.branch(branch, dot, mark)
            }
            Statement::With {
                pipe,
                then,
                otherwise,
            } => {
                let (dot, mark) = (self.dot(), self.variables.len());
                let value = self.pipe(&dot, *pipe)?;
                if value.truth() {
                    self.branch(Some(*then), value, mark)
                } else {
                    self.branch(*otherwise, dot, mark)
                }
            }
            Statement::Range {
                pipe,
                body,
                otherwise,
            } => self.range(*pipe, *body, *otherwise),
            Statement::Template { pos, name, pipe } => self.call_template(*pos, *name, *pipe),
            Statement::Break => {
                self.unwind_to_loop();
                if let Some(frame) = self.frames.pop() {
                    self.variables.truncate(frame.mark);
                }
                Ok(())
            }
            Statement::Continue => {
                self.unwind_to_loop();
                self.iterate()
            }
        }
    }

    fn dot(&self) -> Value {
        self.frames
            .last()
            .map_or(Value::Invalid, |frame| frame.dot.clone())
    }

    fn branch(&mut self, list: Option<u32>, dot: Value, mark: usize) -> Result<(), Stop> {
        match list {
            Some(list) => self.push(list, dot, mark, Role::Block),
            None => {
                self.variables.truncate(mark);
                Ok(())
            }
        }
    }

    fn unwind_to_loop(&mut self) {
        while let Some(frame) = self.frames.last() {
            if matches!(frame.role, Role::Loop(_)) {
                break;
            }
            self.frames.pop();
        }
    }

    fn range(&mut self, pipe: u32, body: u32, otherwise: Option<u32>) -> Result<(), Stop> {
        let (dot, mark) = (self.dot(), self.variables.len());
        let value = self.pipe(&dot, pipe)?;
        let tree = self.tree;
        let node = &tree.pipes[pipe as usize];
        self.at = node.pos;
        let source = match (&value, value.kind()) {
            (Value::Invalid | Value::Nil, _) => None,
            (Value::List(list), _) => (list.len() > 0).then_some(Source::List(value)),
            (Value::Map(map), _) => {
                let entries = map.entries();
                self.spend(entries.len() as u64 / 4)?;
                (!entries.is_empty()).then_some(Source::Map(entries))
            }
            (_, Kind::Signed | Kind::Unsigned) => {
                if node.declared[1].is_some() {
                    return self
                        .fail("can't use an integer to iterate over more than one variable");
                }
                let count = match value.as_signed() {
                    Some(n) => u64::try_from(n).unwrap_or(0),
                    None => value.as_unsigned().unwrap_or(0),
                };
                (count > 0).then_some(Source::Count(value, count))
            }
            _ => {
                return self.fail(format!(
                    "range can't iterate over a value of type {}",
                    value.type_name()
                ));
            }
        };
        match source {
            Some(source) => {
                let state = Loop {
                    source,
                    index: 0,
                    names: node.declared,
                    assign: node.assign,
                    mark: self.variables.len(),
                };
                self.push(body, Value::Invalid, mark, Role::Loop(Box::new(state)))?;
                self.iterate()
            }
            None => self.branch(otherwise, dot, mark),
        }
    }

    fn call_template(&mut self, pos: u32, name: u32, pipe: Option<u32>) -> Result<(), Stop> {
        self.at = pos;
        let tree = self.tree;
        let name = &tree.strings[name as usize];
        let Some(&root) = tree.templates.get(&**name) else {
            return self.fail(format!(
                "template {:?} not defined",
                String::from_utf8_lossy(name)
            ));
        };
        if self.calls >= self.cx.meter.limits.depth {
            return self.stop(Fault::Limit("exceeded maximum template depth"));
        }
        let mut dot = Value::Invalid;
        if let Some(pipe) = pipe {
            let outer = self.dot();
            dot = self.pipe(&outer, pipe)?;
        }
        let mark = self.variables.len();
        let base = std::mem::replace(&mut self.base, mark);
        self.calls += 1;
        self.declare(0, dot.clone())?;
        self.push(root, dot, mark, Role::Call(base))
    }

    fn declare(&mut self, name: Symbol, value: Value) -> Result<(), Stop> {
        if self.variables.len() >= MAX_VARIABLES {
            return self.stop(Fault::Limit("too many variables"));
        }
        self.variables.push((name, value));
        Ok(())
    }

    fn find_variable(&mut self, name: Symbol) -> Result<usize, Stop> {
        let own = &self.variables[self.base..];
        let found = own.iter().rposition(|(symbol, _)| *symbol == name);
        let distance = own.len() - found.unwrap_or(0);
        self.spend(distance as u64 / 64)?;
        match found {
            Some(at) => Ok(self.base + at),
            None => self.fail("undefined variable"),
        }
    }

    fn set_variable(&mut self, name: Symbol, value: Value) -> Result<(), Stop> {
        let at = self.find_variable(name)?;
        if let Some(slot) = self.variables.get_mut(at) {
            slot.1 = value;
        }
        Ok(())
    }

    fn print(&mut self, value: &Value) -> Result<(), Stop> {
        match value {
            Value::Str(text) => self.write(text),
            Value::Invalid | Value::Nil => self.write(b"<no value>"),
            _ => match crate::fmt::print(&mut self.cx.meter, value) {
                Ok(text) => self.write(&Zeroizing::new(text)),
                Err(fault) => self.stop(fault),
            },
        }
    }
}
