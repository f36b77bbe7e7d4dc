#include "program/exit_codes.h"

#include <cstdio>
#include <new>
#include <string>

#include "train/input_error.h"

namespace halfscope {
namespace {

/// One line, whatever the sentence holds: file names and values may contain line breaks.
int complain(const char* program, std::string sentence, ExitCode code) {
    for (char& letter : sentence) {
        if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
    }
    std::fprintf(stderr, "%s: %s\n", program, sentence.c_str());
    return code;
}

}  // namespace

int run_program(const char* program, const std::function<int()>& body) {
    try {
        return body();
    } catch (const InputError& error) {
        return complain(program, error.what(), kExitBadInput);
    } catch (const NoDeviceError& error) {
        return complain(program, error.what(), kExitNoDevice);
    } catch (const std::bad_alloc&) {
        return complain(
            program, "there is not enough memory for this; choose a smaller batch or width, or fewer lanes",
            kExitBadInput);
    } catch (const std::length_error&) {
        return complain(program, "these sizes are too large for any memory; choose a smaller batch or width",
                        kExitBadInput);
    } catch (const std::exception& error) {
        return complain(program, error.what(), kExitFailed);
    }
}

}  // namespace halfscope
