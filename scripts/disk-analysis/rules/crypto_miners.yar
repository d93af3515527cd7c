/* Crypto miners: programs, scripts that start them, and their configuration. */
rule miner_configuration {
  meta:
    finding = "crypto-miner"
    scope = "any"
    severity = "high"
    confidence = "high"
    reason = "It is a miner's configuration: a pool, a wallet, a way of hashing"
  strings:
    $pools = /"pools"\s*:\s*\[/
    $url = /"url"\s*:\s*"[^"\n]{4,200}:\d{2,5}"/
    $stratum = /"stratum\+(tcp|ssl|tls)s?:\/\//
    $a = "\"donate-level\""
    $b = "\"randomx\""
    $c = "\"cryptonight\""
    $d = "\"rig-id\""
    $e = "\"algo\""
    $f = "\"huge-pages\""
  condition:
    filesize < 1MB and $pools and ($stratum or $url) and 2 of ($a, $b, $c, $d, $e, $f)
}

rule miner_program {
  meta:
    finding = "crypto-miner"
    scope = "any"
    severity = "high"
    confidence = "high"
    reason = "It carries a miner's words: pools' protocol and miners' options"
  strings:
    $stratum = /stratum\+(tcp|ssl|tls)s?:\/\//
    $a = "xmrig" nocase
    $b = "--donate-level"
    $c = "randomx" nocase
    $d = "cryptonight" nocase
    $e = "mining.subscribe"
    $f = "mining.authorize"
    $g = "--rig-id"
    $h = "nicehash" nocase
    $i = "minerd" fullword
    $rules = /rule\s+\w+[^{]{0,200}\{\s*meta\s*:/
  condition:
    not $rules and (($stratum and 2 of ($a, $b, $c, $d, $e, $f, $g, $h, $i)) or 5 of ($a, $b, $c, $d, $e, $f, $g, $h, $i))
}

rule miner_command {
  meta:
    finding = "crypto-miner"
    scope = "any"
    severity = "high"
    confidence = "medium"
    reason = "It starts a miner"
  strings:
    $script = "#!"
    $stratum = /(-o|--url)[ =]["']?(stratum\+(tcp|ssl|tls)s?:\/\/|pool\.)[^\s]{4,200}/
  condition:
    $script at 0 and filesize < 1MB and $stratum
}
