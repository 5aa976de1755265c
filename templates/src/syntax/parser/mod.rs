//! Builds the tree from tokens, with the checks Go makes while parsing.

mod expressions;

use std::collections::HashMap;

use crate::error::ErrorKind;
use crate::go::quote::unquote;
use crate::stack;
use crate::syntax::lexer::{Kind, Lexer, Token};
use crate::syntax::tree::{Statement, Symbol, Tree};
use crate::value::Str;

/// Parentheses within parentheses, as Go allows.
const MAX_PARENS: usize = 10_000;
/// Blocks within blocks. Go has no bound.
const MAX_BLOCKS: usize = 10_000;

/// Where and why parsing stopped.
pub(crate) struct Problem {
    pub(crate) pos: usize,
    pub(crate) kind: ErrorKind,
    pub(crate) what: String,
}

/// Parses `text` as the template `name`; `function` finds a function's number by its name.
pub(crate) fn parse(
    name: &[u8],
    text: &str,
    function: &dyn Fn(&[u8]) -> Option<u16>,
) -> Result<Tree, Problem> {
    let mut parser = Parser {
        text: text.as_bytes(),
        lexer: Lexer::new(text.as_bytes()),
        function,
        ahead: [Token {
            kind: Kind::Eof,
            start: 0,
            end: 0,
        }; 3],
        peeked: 0,
        tree: Tree::new(),
        names: HashMap::new(),
        numbers: HashMap::new(),
        variables: Vec::new(),
        scope: HashMap::new(),
        ranges: 0,
        parens: 0,
        blocks: 0,
    };
    let dollar = parser.symbol(b"$");
    parser.declare(dollar);
    let root = parser.top_level()?;
    parser.define(name.to_vec(), root)?;
    Ok(parser.tree)
}

struct Parser<'a> {
    text: &'a [u8],
    lexer: Lexer<'a>,
    function: &'a dyn Fn(&[u8]) -> Option<u16>,
    ahead: [Token; 3],
    peeked: usize,
    tree: Tree,
    names: HashMap<&'a [u8], Symbol>,
    /// Numbers by their text, each kept once.
    numbers: HashMap<&'a [u8], u32>,
    /// Variables in scope, innermost last, and how often each name is among them.
    variables: Vec<Symbol>,
    scope: HashMap<Symbol, usize>,
    ranges: usize,
    parens: usize,
    blocks: usize,
}

/// How a list of statements ended.
enum End {
    Closed,
    Else,
    Eof,
}

type Parsed<T> = Result<T, Problem>;

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.ahead[0] = self.lexer.token();
        }
        self.ahead[self.peeked]
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> Token {
        if self.peeked == 0 {
            self.peeked = 1;
            self.ahead[0] = self.lexer.token();
        }
        self.ahead[self.peeked - 1]
    }

    fn next_word(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token {
        let token = self.next_word();
        self.backup();
        token
    }

    fn fail<T>(&self, at: Token, what: impl Into<String>) -> Parsed<T> {
        Err(Problem {
            pos: at.start,
            kind: ErrorKind::Syntax,
            what: what.into(),
        })
    }

    fn too_deep<T>(&self, at: Token, what: &str) -> Parsed<T> {
        Err(Problem {
            pos: at.start,
            kind: ErrorKind::Limit,
            what: what.into(),
        })
    }

    fn unexpected<T>(&self, token: Token, context: &str) -> Parsed<T> {
        match token.kind {
            Kind::Error => self.fail(token, self.lexer.problem()),
            Kind::Eof => self.fail(token, format!("unexpected EOF in {context}")),
            _ => {
                let word = String::from_utf8_lossy(self.lexer.text(token));
                let short: String = word.chars().take(10).collect();
                let more = if short.len() < word.len() { "..." } else { "" };
                self.fail(token, format!("unexpected {short:?}{more} in {context}"))
            }
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_word();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(token, context)
        }
    }

    fn symbol(&mut self, name: &'a [u8]) -> Symbol {
        if let Some(&symbol) = self.names.get(name) {
            return symbol;
        }
        let symbol = self.tree.symbols.len() as Symbol;
        self.tree.symbols.push(Str::from(name));
        self.names.insert(name, symbol);
        symbol
    }

    fn declare(&mut self, symbol: Symbol) {
        self.variables.push(symbol);
        *self.scope.entry(symbol).or_default() += 1;
    }

    fn add(&mut self, statement: Statement) -> u32 {
        self.tree.statements.push(statement);
        self.tree.statements.len() as u32 - 1
    }

    fn list(&mut self, statements: Vec<u32>) -> u32 {
        self.tree.lists.push(statements);
        self.tree.lists.len() as u32 - 1
    }

    /// Registers a template; one that holds only space gives way to any other.
    fn define(&mut self, name: Vec<u8>, root: u32) -> Parsed<()> {
        let replace = match self.tree.templates.get(&name) {
            None => true,
            Some(&old) if self.tree.is_empty(old, self.text) => true,
            Some(_) if self.tree.is_empty(root, self.text) => false,
            Some(_) => {
                let at = self.ahead[0];
                let name = String::from_utf8_lossy(&name).into_owned();
                return self.fail(at, format!("multiple definition of template {name:?}"));
            }
        };
        if replace {
            self.tree.templates.insert(name, root);
        }
        Ok(())
    }

    fn top_level(&mut self) -> Parsed<u32> {
        let mut statements = Vec::new();
        loop {
            match self.peek().kind {
                Kind::Eof => return Ok(self.list(statements)),
                Kind::LeftDelim => {
                    let delimiter = self.next();
                    if self.next_word().kind == Kind::Define {
                        self.definition()?;
                        continue;
                    }
                    self.ahead[1] = delimiter;
                    self.peeked = 2;
                }
                _ => {}
            }
            let at = self.peek();
            match self.statement()? {
                Ok(id) => statements.push(id),
                Err(End::Else) => return self.fail(at, "unexpected {{else}}"),
                Err(_) => return self.fail(at, "unexpected {{end}}"),
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let token = self.next_word();
        let name = self.template_name(token, context)?;
        self.expect(Kind::RightDelim, context)?;
        let root = self.separate_body(context)?;
        self.define(name, root)
    }

    /// The body of a define or block: its own variables, and no range around it.
    fn separate_body(&mut self, context: &str) -> Parsed<u32> {
        let dollar = self.symbol(b"$");
        let variables = std::mem::take(&mut self.variables);
        let scope = std::mem::take(&mut self.scope);
        self.declare(dollar);
        let ranges = std::mem::take(&mut self.ranges);
        let (root, end) = self.block_list()?;
        if !matches!(end, End::Closed) {
            return self.fail(
                self.ahead[0],
                format!("unexpected {{{{else}}}} in {context}"),
            );
        }
        self.variables = variables;
        self.scope = scope;
        self.ranges = ranges;
        Ok(root)
    }

    fn template_name(&mut self, token: Token, context: &str) -> Parsed<Vec<u8>> {
        match token.kind {
            Kind::String | Kind::RawString => match unquote(self.lexer.text(token)) {
                Some(name) => Ok(name),
                None => self.fail(token, "invalid syntax"),
            },
            _ => self.unexpected(token, context),
        }
    }

    /// Statements up to `{{end}}` or `{{else}}`.
    fn block_list(&mut self) -> Parsed<(u32, End)> {
        if self.blocks >= MAX_BLOCKS {
            let at = self.peek();
            return self.too_deep(at, "blocks nested too deep");
        }
        self.blocks += 1;
        let mut statements = Vec::new();
        let end = stack::grow(|| -> Parsed<End> {
            while self.peek_word().kind != Kind::Eof {
                match self.statement()? {
                    Ok(id) => statements.push(id),
                    Err(end) => return Ok(end),
                }
            }
            Ok(End::Eof)
        })?;
        self.blocks -= 1;
        if matches!(end, End::Eof) {
            let at = self.peek();
            return self.fail(at, "unexpected EOF");
        }
        Ok((self.list(statements), end))
    }

    /// One statement, or the end of the list around it.
    fn statement(&mut self) -> Parsed<Result<u32, End>> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Ok(
                self.add(Statement::Text(token.start as u32..token.end as u32))
            )),
            Kind::LeftDelim => self.action(),
            _ => self.unexpected(token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Result<u32, End>> {
        let token = self.next_word();
        let statement = match token.kind {
            Kind::Block => {
                let context = "block clause";
                let at = self.next_word();
                let name = self.template_name(at, context)?;
                let pipe = self.pipeline(context, Kind::RightDelim)?;
                let root = self.separate_body(context)?;
                self.define(name.clone(), root)?;
                self.call_template(at, &name, Some(pipe))
            }
            Kind::Break | Kind::Continue => {
                let word = if token.kind == Kind::Break {
                    "{{break}}"
                } else {
                    "{{continue}}"
                };
                self.expect(Kind::RightDelim, word)?;
                if self.ranges == 0 {
                    return self.fail(token, format!("{word} outside {{{{range}}}}"));
                }
                if token.kind == Kind::Break {
                    Statement::Break
                } else {
                    Statement::Continue
                }
            }
            Kind::Else => {
                if !matches!(self.peek_word().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(End::Closed));
            }
            Kind::If | Kind::With | Kind::Range => self.control(token.kind)?,
            Kind::Template => {
                let context = "template clause";
                let at = self.next_word();
                let name = self.template_name(at, context)?;
                let mut pipe = None;
                if self.next_word().kind != Kind::RightDelim {
                    self.backup();
                    pipe = Some(self.pipeline(context, Kind::RightDelim)?);
                }
                self.call_template(at, &name, pipe)
            }
            _ => {
                self.backup();
                Statement::Action {
                    pipe: self.pipeline("command", Kind::RightDelim)?,
                }
            }
        };
        Ok(Ok(self.add(statement)))
    }

    fn call_template(&mut self, at: Token, name: &[u8], pipe: Option<u32>) -> Statement {
        self.tree.strings.push(Str::from(name));
        Statement::Template {
            pos: at.start as u32,
            name: self.tree.strings.len() as u32 - 1,
            pipe,
        }
    }

    fn control(&mut self, kind: Kind) -> Parsed<Statement> {
        let scope = self.variables.len();
        let context = match kind {
            Kind::If => "if",
            Kind::With => "with",
            _ => "range",
        };
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        self.ranges += usize::from(kind == Kind::Range);
        let (body, end) = self.block_list()?;
        self.ranges -= usize::from(kind == Kind::Range);
        let mut otherwise = None;
        if matches!(end, End::Else) {
            // `{{else if}}` and `{{else with}}` are a nested statement that shares the `{{end}}`.
            if kind != Kind::Range && self.peek().kind == kind {
                self.next();
                if self.blocks >= MAX_BLOCKS {
                    let at = self.peek();
                    return self.too_deep(at, "blocks nested too deep");
                }
                self.blocks += 1;
                let nested = stack::grow(|| self.control(kind))?;
                self.blocks -= 1;
                let nested = self.add(nested);
                otherwise = Some(self.list(vec![nested]));
            } else {
                let (list, end) = self.block_list()?;
                if !matches!(end, End::Closed) {
                    return self.fail(self.ahead[0], "expected end; found {{else}}");
                }
                otherwise = Some(list);
            }
        }
        while self.variables.len() > scope {
            if let Some(symbol) = self.variables.pop()
                && let Some(count) = self.scope.get_mut(&symbol)
            {
                *count -= 1;
            }
        }
        Ok(match kind {
            Kind::If => Statement::If {
                pipe,
                then: body,
                otherwise,
            },
            Kind::With => Statement::With {
                pipe,
                then: body,
                otherwise,
            },
            _ => Statement::Range {
                pipe,
                body,
                otherwise,
            },
        })
    }
}
