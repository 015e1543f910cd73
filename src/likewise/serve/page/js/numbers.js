// Numbers as they are read.

const WHOLE = new Intl.NumberFormat("en");

/** 3829 -> 3,829 */
export const whole = (value) => WHOLE.format(value);

/** 0.31415 -> 0.314 */
export const decimal = (value, digits = 3) =>
  Number.isFinite(value) ? value.toFixed(digits) : "–";

/** 0.0123 -> +0.012 */
export const signed = (value, digits = 3) => (value < 0 ? "−" : "+") + decimal(Math.abs(value), digits);

/** 0.314 -> 31 % */
export const percent = (value) => `${Math.round(100 * value)} %`;

/** 1, "basket", "baskets" -> 1 basket */
export const counted = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;
