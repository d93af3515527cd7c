/*
  Web shells: what they do, not what they are called. `scope = "web"`: counts only for scripts a web server serves.
*/
rule php_runs_request {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "critical"
    confidence = "high"
    reason = "It runs what a request brings as program text"
  strings:
    $a = /\b(eval|assert|create_function)[ \t]{0,8}\([^;\n]{0,120}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
    $b = /\bpreg_replace[ \t]{0,8}\([ \t]{0,8}["'][^"'\n]{1,80}e["'][^;\n]{0,120}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
  condition:
    any of them
}

rule php_commands_from_request {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "critical"
    confidence = "medium"
    reason = "It runs a command that a request brings"
  strings:
    $a = /\b(system|passthru|shell_exec|popen|proc_open|pcntl_exec)[ \t]{0,8}\([^;\n]{0,120}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
    $quoted = /escapeshell(arg|cmd)[ \t]{0,8}\([^;\n]{0,60}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
  condition:
    $a and not $quoted
}

rule php_runs_decoded_text {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "high"
    confidence = "medium"
    reason = "It decodes hidden text and runs it"
  strings:
    $a = /\b(eval|assert|system|passthru|shell_exec)[ \t]{0,8}\([ \t]{0,8}@?(gzinflate|gzuncompress|gzdecode|base64_decode|str_rot13|strrev|convert_uudecode|hex2bin)[ \t]{0,8}\(/ nocase
  condition:
    $a
}

rule php_function_by_variable {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "high"
    confidence = "medium"
    reason = "It calls a function whose name it puts together, with what a request brings"
  strings:
    $a = /\$\w{1,24}[ \t]{0,8}\([^;\n]{0,80}(base64_decode|str_rot13|gzinflate|hex2bin)[^;\n]{0,80}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
    $b = /\$_(GET|POST|REQUEST|COOKIE)\[[^\]\n]{1,40}\][ \t]{0,8}\([^;\n]{0,80}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
  condition:
    any of them
}

rule php_in_a_picture {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "high"
    confidence = "medium"
    reason = "It begins like a picture and goes on as a program"
  strings:
    $php = "<?php" nocase
  condition:
    (uint32(0) == 0x38464947 or uint32(0) == 0x474E5089 or uint16(0) == 0xD8FF) and $php
}

rule jsp_commands_from_request {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "critical"
    confidence = "medium"
    reason = "It runs a command that a request brings"
  strings:
    $run = /Runtime\s*\.\s*getRuntime\s*\(\s*\)\s*\.\s*exec\s*\(|new\s+ProcessBuilder\s*\(/
    $request = /request\s*\.\s*get(Parameter|Header|Cookies|InputStream|Reader)\s*\(/
    $define = /\.\s*defineClass\s*\(/
  condition:
    $request and ($run or $define)
}

rule asp_runs_request {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "critical"
    confidence = "high"
    reason = "It runs what a request brings"
  strings:
    $a = /\b(eval|execute|executeglobal)\s*\(?\s*\(?\s*Request\b/ nocase
    $start = /Process\s*\.\s*Start\s*\(|new\s+ProcessStartInfo\s*\(|WScript\.Shell/ nocase
    $request = /Request\s*(\.|\[|\()/ nocase
    $asp = "<%"
  condition:
    $asp and ($a or ($start and $request))
}

rule known_shell_by_name {
  meta:
    finding = "web-shell"
    scope = "web"
    severity = "critical"
    confidence = "high"
    reason = "It names itself as a known web shell"
  strings:
    $a = "c99shell" nocase
    $b = "r57shell" nocase
    $c = "b374k" nocase
    $d = "WSO_VERSION"
    $e = "FilesMan" fullword
    $f = "weevely" nocase
    $g = "Godzilla" fullword
  condition:
    any of ($a, $b, $c, $d, $f) or ($e and $g)
}
