var primes = [];
for (var n = 2; primes.length < 1000; n++)
  if (primes.every(p => p * p > n || n % p !== 0)) primes.push(n);
console.log("the 1000th prime is " + primes[999] + ", found at " + new Date().toISOString());
