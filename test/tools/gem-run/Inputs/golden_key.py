# golden_key.py Golden.h OUT OTHER: the golden bundle's public key as a key file, and
# another one.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import base64
import re
import sys

header, out, other = sys.argv[1:]
key = re.search(r'kGoldenPublicKey\[\] =\s*"([0-9a-f]{64})"', open(header).read()).group(1)
for path, data in ((out, bytes.fromhex(key)), (other, bytes(range(32)))):
    with open(path, "w") as file:
        file.write(f"gem-public-key ed25519 {base64.b64encode(data).decode()}\n")
