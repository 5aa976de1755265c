//! shopspring's decimals, as far as sprig's float arithmetic goes through them.

use num_bigint::{BigInt, Sign};

use crate::fault::{Fault, fail};

/// Digits after the point that division keeps.
const DIVISION_PRECISION: i64 = 16;

/// `value * 10^exponent`.
pub(super) struct Decimal {
    value: BigInt,
    exponent: i64,
}

impl Decimal {
    /// The shortest decimal that reads back as `float`.
    pub(super) fn from_float(float: f64) -> Result<Self, Fault> {
        if !float.is_finite() {
            return fail("cannot create a Decimal from a float that is not finite");
        }
        if float == 0.0 {
            return Ok(Self {
                value: BigInt::ZERO,
                exponent: 0,
            });
        }
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits: String = mantissa.chars().filter(|&c| c != '.').collect();
        let places = mantissa
            .split_once('.')
            .map_or(0, |(_, after)| after.len() as i64);
        let value: i64 = digits.parse().unwrap_or(0);
        let exponent: i64 = exponent.parse().unwrap_or(0);
        Ok(Self {
            value: BigInt::from(value),
            exponent: exponent - places,
        })
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent)
            .parse()
            .unwrap_or(0.0)
    }

    /// Bits of the value, which is what arithmetic costs.
    pub(super) fn size(&self) -> u64 {
        self.value.bits()
    }

    /// Both values at the smaller exponent.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        let at = |d: &Self| &d.value * power(d.exponent - exponent);
        (at(self), at(other), exponent)
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let (a, b, exponent) = self.aligned(other);
        Self {
            value: a + b,
            exponent,
        }
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        let (a, b, exponent) = self.aligned(other);
        Self {
            value: a - b,
            exponent,
        }
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        Self {
            value: &self.value * &other.value,
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient to sixteen places, halves rounded away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, Fault> {
        if other.value.sign() == Sign::NoSign {
            return fail("decimal division by 0");
        }
        let shift = self.exponent - other.exponent + DIVISION_PRECISION;
        let (numerator, denominator) = if shift < 0 {
            (self.value.clone(), &other.value * power(-shift))
        } else {
            (&self.value * power(shift), other.value.clone())
        };
        let mut quotient = &numerator / &denominator;
        let rest = &numerator % &denominator;
        if rest.magnitude() * 2u32 >= *denominator.magnitude() {
            let negative =
                self.value.sign() != other.value.sign() && self.value.sign() != Sign::NoSign;
            quotient += if negative { -1 } else { 1 };
        }
        Ok(Self {
            value: quotient,
            exponent: -DIVISION_PRECISION,
        })
    }
}

fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}
