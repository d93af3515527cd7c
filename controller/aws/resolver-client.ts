/**
 * The part of Route 53 Resolver that DNS Firewall needs, signed by aws4fetch: its SDK package is years behind
 * the others and would bring a second copy of all they share.
 *
 * Source: Amazon Route 53 API Reference, "Amazon Route 53 Resolver" (AWS JSON 1.1).
 */
