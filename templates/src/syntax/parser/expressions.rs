//! Pipelines, commands and operands.

use super::{MAX_PARENS, Parsed, Parser};
use crate::go::quote::unquote;
use crate::stack;
use crate::syntax::lexer::{Kind, Token};
use crate::syntax::literal::Number;
use crate::syntax::tree::{Command, Expression, Kind as Operand, Pipe, Symbol};
use crate::value::Str;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<u32> {
        let start = self.peek_word();
        let mut declared = [None; 2];
        let assign = self.declarations(context, &mut declared)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            let token = self.next_word();
            if token.kind == end {
                break;
            }
            match token.kind {
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    commands.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
        if commands.is_empty() {
            return self.fail(start, format!("missing value for {context}"));
        }
        for (stage, command) in commands.iter().enumerate().skip(1) {
            let first = self.tree.arguments[command.arguments.start as usize];
            if matches!(
                self.tree.expressions[first as usize].kind,
                Operand::Bool(_)
                    | Operand::Dot
                    | Operand::Nil
                    | Operand::Number(_)
                    | Operand::Str(_)
            ) {
                let stage = stage + 1;
                return self.fail(
                    start,
                    format!("non executable command in pipeline stage {stage}"),
                );
            }
        }
        let first = self.tree.commands.len() as u32;
        self.tree.commands.append(&mut commands);
        let commands = first..self.tree.commands.len() as u32;
        self.tree.pipes.push(Pipe {
            pos: start.start as u32,
            assign,
            declared,
            commands,
        });
        Ok(self.tree.pipes.len() as u32 - 1)
    }

    /// `$x :=`, `$x =` or, in a range, `$i, $x :=`. Whether it is an assignment.
    fn declarations(&mut self, context: &str, declared: &mut [Option<Symbol>; 2]) -> Parsed<bool> {
        let mut count = 0;
        loop {
            let variable = self.peek_word();
            if variable.kind != Kind::Variable {
                return Ok(false);
            }
            self.next();
            let after = self.peek();
            let next = self.peek_word();
            let comma = next.kind == Kind::Char && self.lexer.text(next) == b",";
            if matches!(next.kind, Kind::Assign | Kind::Declare) || comma {
                self.next_word();
                let name = self.lexer.text(variable);
                let symbol = self.symbol(name);
                if let Some(slot) = declared.get_mut(count) {
                    *slot = Some(symbol);
                }
                count += 1;
                self.declare(symbol);
                if !comma {
                    return Ok(next.kind == Kind::Assign);
                }
                if context == "range" && count < 2 {
                    match self.peek_word().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                        _ => return self.fail(next, "range can only initialize variables"),
                    }
                }
                return self.fail(next, format!("too many declarations in {context}"));
            }
            if after.kind == Kind::Space {
                self.ahead[1] = after;
                self.ahead[2] = variable;
                self.peeked = 3;
            } else {
                self.ahead[1] = variable;
                self.peeked = 2;
            }
            return Ok(false);
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut arguments = Vec::new();
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                arguments.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(token, "operand"),
            }
            break;
        }
        if arguments.is_empty() {
            return self.fail(self.ahead[0], "empty command");
        }
        let first = self.tree.arguments.len() as u32;
        self.tree.arguments.append(&mut arguments);
        Ok(Command {
            arguments: first..self.tree.arguments.len() as u32,
        })
    }

    fn operand(&mut self) -> Parsed<Option<u32>> {
        let Some(Expression { pos, kind }) = self.term()? else {
            return Ok(None);
        };
        let mut pos = pos;
        let mut kind = kind;
        let next = self.peek();
        if next.kind == Kind::Field {
            let first = self.tree.fields.len() as u32;
            while self.peek().kind == Kind::Field {
                let field = self.next();
                self.push_field(field);
            }
            let end = self.tree.fields.len() as u32;
            kind = match kind {
                Operand::Field(own) => {
                    // Keep the run contiguous: its own name was pushed just before.
                    pos = next.start as u32;
                    Operand::Field(own.start..end)
                }
                Operand::Variable(symbol, _) => {
                    pos = next.start as u32;
                    Operand::Variable(symbol, first..end)
                }
                Operand::Bool(_)
                | Operand::Str(_)
                | Operand::Number(_)
                | Operand::Nil
                | Operand::Dot => return self.fail(next, "unexpected . after term"),
                other => {
                    let node = self.expression(pos, other);
                    pos = next.start as u32;
                    Operand::Chain(node, first..end)
                }
            };
        }
        Ok(Some(self.expression(pos, kind)))
    }

    fn push_field(&mut self, token: Token) {
        let name = self.lexer.text(token).get(1..).unwrap_or_default();
        self.tree.fields.push(Str::from(name));
    }

    fn expression(&mut self, pos: u32, kind: Operand) -> u32 {
        self.tree.expressions.push(Expression { pos, kind });
        self.tree.expressions.len() as u32 - 1
    }

    fn term(&mut self) -> Parsed<Option<Expression>> {
        let token = self.next_word();
        let word = self.lexer.text(token);
        let kind = match token.kind {
            Kind::Identifier => match (self.function)(word) {
                Some(function) => Operand::Function(function),
                None => {
                    let name = String::from_utf8_lossy(word).into_owned();
                    return self.fail(token, format!("function {name:?} not defined"));
                }
            },
            Kind::Dot => Operand::Dot,
            Kind::Nil => Operand::Nil,
            Kind::Variable => {
                let symbol = self.symbol(word);
                if self.scope.get(&symbol).is_none_or(|&count| count == 0) {
                    let name = String::from_utf8_lossy(word).into_owned();
                    return self.fail(token, format!("undefined variable {name:?}"));
                }
                Operand::Variable(symbol, 0..0)
            }
            Kind::Field => {
                self.push_field(token);
                let end = self.tree.fields.len() as u32;
                Operand::Field(end - 1..end)
            }
            Kind::Bool => Operand::Bool(word == b"true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                if let Some(&known) = self.numbers.get(word) {
                    let pos = token.start as u32;
                    return Ok(Some(Expression {
                        pos,
                        kind: Operand::Number(known),
                    }));
                }
                let number = match token.kind {
                    Kind::CharConstant => Number::parse_char(word),
                    Kind::Complex => Number::parse_complex(word),
                    _ => Number::parse(word),
                };
                match number {
                    Ok(number) => {
                        self.tree.numbers.push(number);
                        let id = self.tree.numbers.len() as u32 - 1;
                        self.numbers.insert(word, id);
                        Operand::Number(id)
                    }
                    Err(what) => return self.fail(token, what),
                }
            }
            Kind::LeftParen => {
                if self.parens >= MAX_PARENS {
                    return self.fail(token, "max expression depth exceeded");
                }
                self.parens += 1;
                let pipe =
                    stack::grow(|| self.pipeline("parenthesized pipeline", Kind::RightParen))?;
                self.parens -= 1;
                // The node's place is that of its first word, as in Go.
                let pos = self.tree.pipes[pipe as usize].pos;
                return Ok(Some(Expression {
                    pos,
                    kind: Operand::Pipe(pipe),
                }));
            }
            Kind::String | Kind::RawString => match unquote(word) {
                Some(value) => {
                    self.tree.strings.push(Str::from(value));
                    Operand::Str(self.tree.strings.len() as u32 - 1)
                }
                None => return self.fail(token, "invalid syntax"),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Expression {
            pos: token.start as u32,
            kind,
        }))
    }
}
