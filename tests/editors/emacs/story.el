;;; story.el --- What a Dockerfile shows in Emacs, whichever client talks to the server  -*- lexical-binding: t; -*-

;; Opens a Dockerfile that was built before: each step's forecast is among flymake's notes, and follows an edit that is not
;; saved; hover, completion and a fix are there, and a command builds.  Says `passed' when all holds.  In batch mode no
;; idle timer fires, so the test itself calls what such a timer would: flymake, and a client's sending of changes.

(package-initialize)
(require 'flymake)
(require 'cl-lib)
(require 'dockerfile-mode)
(add-to-list 'load-path (expand-file-name "editors/emacs" (getenv "REPOSITORY")))
(require 'cooper)

(setq cooper-program (getenv "COOPER")
      cooper-hint-diagnostics t
      make-backup-files nil
      create-lockfiles nil)

;; What each client does its own way.
(cl-defgeneric test-connect ()
  "Start the client in this buffer.")
(cl-defgeneric test-tell-changes ()
  "Send what was edited.")
(cl-defgeneric test-hover ()
  "The hover at point as Markdown, or nil while there is none.")
(cl-defgeneric test-completions ()
  "Labels that complete the word before point.")
(cl-defgeneric test-fix (start end)
  "Apply the first quick fix between START and END.")

(defun test-notes ()
  "Each diagnostic as its line and text."
  (mapcar (lambda (found)
            (cons (line-number-at-pos (flymake-diagnostic-beg found))
                  (substring-no-properties (flymake-diagnostic-text found))))
          (flymake-diagnostics)))

(defun test-expect (what holds)
  "Wait until the function HOLDS says yes; end the program with WHAT and all diagnostics if it never does."
  (let ((deadline (+ (float-time) 60)))
    (while (not (funcall holds))
      (when (> (float-time) deadline)
        (message "FAILED: %s\n%S" what (test-notes))
        (kill-emacs 1))
      (accept-process-output nil 0.02)
      (flymake-start)
      (sit-for 0.02))
    (message "ok: %s" what)))

(defun test-line (pattern)
  "The number of the first line that matches PATTERN."
  (save-excursion
    (goto-char (point-min))
    (re-search-forward pattern)
    (line-number-at-pos (match-beginning 0))))

(defun test-steps ()
  "Numbers of the lines that steps begin on."
  (let (found)
    (save-excursion
      (goto-char (point-min))
      (while (re-search-forward "^\\(COPY\\|RUN\\|WORKDIR\\) " nil t)
        (push (line-number-at-pos) found)))
    (nreverse found)))

(defun test-says (line pattern)
  "Whether a diagnostic on LINE matches PATTERN."
  (cl-some (lambda (note) (and (= (car note) line) (string-match-p pattern (cdr note)))) (test-notes)))

(defun test-all (above border below)
  "Whether steps before line BORDER say ABOVE and the others BELOW."
  (cl-every (lambda (line) (test-says line (if (< line border) above below))) (test-steps)))

(defun test-edit (line text)
  "Replace LINE by TEXT, and tell the server."
  (goto-char (point-min))
  (forward-line (1- line))
  (delete-region (line-beginning-position) (line-end-position))
  (insert text)
  (test-tell-changes))

(defun test-story ()
  "Live through it."
  (find-file "Dockerfile")
  (dockerfile-mode)
  (test-connect)
  (let* ((line (test-line "^RUN mkdir"))
         (text (progn (goto-char (point-min)) (forward-line (1- line)) (buffer-substring (point) (line-end-position))))
         (longer (concat text " /blog/drafts")))
    (test-expect "each step is cached" (lambda () (test-all "cached" 1000 "")))

    (test-edit line longer)
    (test-expect "the edited step and those below rerun, unsaved" (lambda () (test-all "cached" line "reruns\\|runs")))
    (unless (buffer-modified-p) (error "The file was saved"))
    (test-edit line text)
    (test-expect "undone, all are cached again" (lambda () (test-all "cached" 1000 "")))

    (goto-char (point-min))
    (forward-line (1- line))
    (forward-char 1)
    (test-expect "hover tells the forecast and what RUN is"
                 (lambda () (let ((hover (test-hover)))
                              (and hover (string-match-p "next build" hover) (string-match-p "RUN" hover)))))

    (test-edit line "RUN --mo")
    (test-expect "completion knows the flags"
                 (lambda () (cl-some (lambda (label) (string-prefix-p "--mount=" label)) (test-completions))))

    (test-edit line (concat "run" (substring text 3)))
    (test-expect "a finding has a diagnostic" (lambda () (test-says line "should match the case")))
    (let ((start (line-beginning-position)))
      (test-fix start (+ start 3))
      (test-expect "its fix is applied" (lambda () (save-excursion (goto-char start) (looking-at-p "RUN ")))))

    (test-edit line longer)
    (test-expect "an edit makes it rerun" (lambda () (test-all "cached" line "reruns\\|runs")))
    (goto-char (point-min))
    (forward-line (1- line))
    (cooper-build-to-here)
    (test-expect "built to here, it is cached" (lambda () (test-all "cached" (1+ line) "reruns\\|runs")))
    (message "passed")
    (kill-emacs 0)))

(provide 'story)
;;; story.el ends here
