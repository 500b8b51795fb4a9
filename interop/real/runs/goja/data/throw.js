function checked(n) { if (n > 2) throw new Error("too deep: " + n); return checked(n + 1); }
console.log("about to throw");
checked(0);
